import CLibSSH
import Glibc

/// A server made with libssh, for one connection, that does what no sshd does.
final class ScriptedServer: Sendable {
    enum Conduct: Sendable {
        /// Asks rounds of no question (RFC 4256, section 3.2), each after so many microseconds.
        case asksNothing(useconds_t)
        /// Refuses to go on, with these words (RFC 4253, section 11.1).
        case disconnects(String)
        /// Lets everybody in and, while a command runs, opens channels that nobody has asked for.
        case opensChannels
        /// Lets everybody in and, while a command runs, asks for what only a client may ask for.
        case asksOddThings
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
            case (CInt(SSH_REQUEST_AUTH.rawValue), .opensChannels), (CInt(SSH_REQUEST_AUTH.rawValue), .asksOddThings):
                ssh_message_auth_reply_success(message, 0)
            case (CInt(SSH_REQUEST_CHANNEL_OPEN.rawValue), _):
                ssh_message_channel_request_open_reply_accept(message)
            case (CInt(SSH_REQUEST_CHANNEL.rawValue), _):
                ssh_message_channel_request_reply_success(message)
                guard let channel = ssh_message_channel_request_channel(message) else { return }
                let isRefused = conduct.refusals(session, channel)
                let words = isRefused ? "all refused" : "something was granted"
                ssh_channel_write(channel, words, UInt32(words.utf8.count))
                ssh_channel_request_send_exit_status(channel, 0)
                ssh_channel_send_eof(channel)
                ssh_channel_close(channel)
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
            case (_, .opensChannels), (_, .asksOddThings):
                ssh_message_reply_default(message)
            }
        }
    }
}

extension ScriptedServer.Conduct {
    /// Asks the client for what it should refuse.
    ///
    /// - Returns: whether it has refused all of it.
    fileprivate func refusals(_ session: ssh_session, _ channel: ssh_channel) -> Bool {
        switch self {
        case .opensChannels:
            let openings: [(ssh_channel) -> CInt] = [
                { ssh_channel_open_reverse_forward($0, "127.0.0.1", 4242, "127.0.0.1", 5) },
                { ssh_channel_open_x11($0, "127.0.0.1", 6000) },
                { ssh_channel_open_auth_agent($0) },
                { ssh_channel_open_session($0) },
            ]
            return openings.allSatisfy { open in
                ssh_channel_new(session).map { open($0) == SSH_ERROR } ?? false
            }
        case .asksOddThings:
            ssh_send_ignore(session, "noise")
            ssh_send_debug(session, "noise", 1)
            ssh_send_keepalive(session)
            ssh_channel_request_send_break(channel, 1)
            return ssh_channel_request_env(channel, "A", "b") == SSH_ERROR
                && ssh_channel_request_subsystem(channel, "sftp") == SSH_ERROR
                && ssh_channel_request_exec(channel, "id") == SSH_ERROR
                && ssh_channel_listen_forward(session, "", 4242, nil) == SSH_ERROR
        default: return false
        }
    }
}
