import Core
import Glibc

extension ScoutError {
    /// A failed system call, in words.
    static func system(_ code: Code, _ what: String, _ number: CInt, hint: String? = nil) -> ScoutError {
        ScoutError(code, "\(what): \(String(cString: strerror(number)))", hint: hint)
    }
}
