import CLibSSH
import Glibc

/// A server made with libssh, for one connection, that does what no sshd does.
final class ScriptedServer: Sendable {
    enum Conduct: Sendable {
        /// Asks rounds of no question (RFC 4256, section 3.2), each after so many microseconds.
        case asksNothing(useconds_t)
        /// Refuses to go on, with these words (RFC 4253, section 11.1).
        case disconnects(String)
    }

    let address: String
    let port: UInt16
    private let listener: CInt

    init(_ address: String, hostKey: String, _ conduct: Conduct) {
        let (listener, port) = OpenSSHServer.listen(address)
        self.address = address
        self.port = port
        self.listener = listener
        Thread.detach { [listener] in
            let connection = accept(listener, nil, nil)
            guard connection >= 0, let bind = ssh_bind_new(), let session = ssh_new() else { return }
            ssh_bind_options_set(bind, SSH_BIND_OPTIONS_HOSTKEY, hostKey)
            if ssh_bind_accept_fd(bind, session, connection) == SSH_OK, ssh_handle_key_exchange(session) == SSH_OK {
                Self.converse(session, conduct)
            }
            ssh_disconnect(session)
            ssh_free(session)
            ssh_bind_free(bind)
            close(connection)
        }
    }

    deinit { close(listener) }

    private static func converse(_ session: ssh_session, _ conduct: Conduct) {
        while let message = ssh_message_get(session) {
            defer { ssh_message_free(message) }
            switch (ssh_message_type(message), conduct) {
            case (CInt(SSH_REQUEST_SERVICE.rawValue), _):
                ssh_message_service_reply_success(message)
            case (_, .disconnects(let words)):
                ssh_session_set_disconnect_message(session, words)
                return
            case (_, .asksNothing(let pause)):
                if ssh_message_subtype(message) == CInt(SSH_AUTH_METHOD_INTERACTIVE) {
                    usleep(pause)
                    ssh_message_auth_interactive_request(message, "", "", 0, nil, nil)
                } else {
                    ssh_message_auth_set_methods(message, CInt(SSH_AUTH_METHOD_INTERACTIVE))
                    ssh_message_reply_default(message)
                }
            }
        }
    }
}
