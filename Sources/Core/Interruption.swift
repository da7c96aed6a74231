public import Platform

extension Cancellation where Reason == ScoutError {
    /// A handle whose work ends as `interrupted`, where it is cancelled without another reason.
    ///
    /// - Throws: `ScoutError` (`io`) where the process has no descriptors left.
    public convenience init() throws(ScoutError) {
        do throws(SystemError) {
            try self.init(ScoutError(.interrupted, "interrupted"))
        } catch {
            throw ScoutError(error)
        }
    }
}
