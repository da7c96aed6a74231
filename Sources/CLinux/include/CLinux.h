// What Swift's view of the C library lacks: macros with casts, GNU extensions, variadic functions, and structures that
// the kernel has and glibc has not. Each number comes from a header of the system, none is written here.
//
// Functions return what the system call returns, with `errno` set, unless it says otherwise.

#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
// No header that defines types of the C library: Swift would take them for this module's own.

// Descriptors that no program inherits from their first moment on.

int clinux_pipe2(int ends[2], int flags);
int clinux_accept4(int listener, int flags);
/// As dup2(2), with `O_CLOEXEC`.
int clinux_dup3(int from, int to, int flags);

/// A counter to wait for with poll(2), which never blocks.
int clinux_eventfd(void);

/// A set of descriptors to wait for with poll(2) (epoll(7)).
int clinux_epoll(void);
/// Has the set tell once that a descriptor is ready for reading or writing (`EPOLLONESHOT`).
int clinux_epoll_watch(int set, int descriptor, int isNew, int isForWriting, uint64_t mark);
int clinux_epoll_forget(int set, int descriptor);
/// The marks of descriptors that are ready, at most 64, without waiting; returns how many.
int clinux_epoll_ready(int set, uint64_t *marks, int most);

// open(2), lseek(2), fcntl(2), poll(2)

extern const int clinux_o_path;
extern const int clinux_o_direct;
extern const int clinux_seek_data;
extern const int clinux_seek_hole;
extern const int clinux_f_setsig;
extern const int clinux_f_setpipe_sz;

// Open file description locks, on the whole file.

/// Takes a lock without waiting (`F_OFD_SETLK`).
int clinux_lock(int file, int isExclusive);
/// 1 where somebody else's lock would keep an exclusive one away (`F_OFD_GETLK`), 0 where none would.
int clinux_is_locked(int file);

// Files

extern const unsigned int clinux_rename_noreplace;
int clinux_renameat2(int from, const char *old, int to, const char *new_name, unsigned int flags);
extern const unsigned int clinux_sync_file_range_write;
extern const unsigned int clinux_sync_file_range_write_and_wait;
int clinux_sync_file_range(int file, int64_t offset, int64_t count, unsigned int flags);
/// `f_type` of fstatfs(2).
int clinux_file_system(int file, int64_t *type);
extern const int64_t clinux_ext_magic;
extern const int64_t clinux_xfs_magic;
extern const int64_t clinux_btrfs_magic;
extern const int64_t clinux_tmpfs_magic;
extern const int64_t clinux_nfs_magic;

// Block devices

/// 1 where it can't be written to (`BLKROGET`).
int clinux_block_is_read_only(int device, int *isReadOnly);
int clinux_block_size(int device, uint64_t *bytes);
int clinux_block_sector_size(int device, int *logical, unsigned int *physical);

// Sockets

/// Who made the other end of a Unix socket (`SO_PEERCRED`).
int clinux_peer(int socket, int32_t *process, uint32_t *user, uint32_t *group);
extern const int clinux_most_descriptors;
/// Sends bytes and descriptors as one message (`SCM_RIGHTS`), without SIGPIPE.
long clinux_send_descriptors(
    int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptorCount);
/// Receives one message; the descriptors are close-on-exec.
///
/// `descriptorCount` holds how many fit, and then how many came; `isCut` whether bytes or descriptors were lost. Those
/// that came are the caller's to close, then, too.
long clinux_receive_descriptors(
    int socket, void *bytes, size_t count, int *descriptors, size_t *descriptorCount, int *isCut);

/// `struct tcp_info` of linux/tcp.h, as far as it is used; glibc's ends before the bytes.
struct clinux_tcp_info {
    unsigned char state;
    unsigned char retransmits;
    unsigned char probes;
    unsigned int last_data_sent;
    unsigned int last_data_received;
    unsigned int last_ack_received;
    unsigned int unacknowledged;
    /// 0 where the kernel is too old to say.
    int has_bytes;
    uint64_t bytes_acknowledged;
    uint64_t bytes_received;
};
int clinux_tcp_info(int socket, struct clinux_tcp_info *info);
/// Bytes that the peer's kernel has not acknowledged (`SIOCOUTQ`).
int clinux_unacknowledged(int socket, int *bytes);

// Interfaces: the values of /sys/class/net/NAME/flags, and of the flags in /proc/net/arp

extern const unsigned int clinux_iff_up;
extern const unsigned int clinux_atf_com;

// Processes

extern const short clinux_posix_spawn_setsid;

/// The exit code that waitpid(2) tells of, or -1 where a signal ended it, which is `signal` then.
int clinux_exit_code(int status, int *signal);

// Signals: `SIG_DFL`, `SIG_IGN` and functions are one type in C, and can't be compared in Swift. An action is a
// `struct sigaction`.

int clinux_action_is_ignored(const void *action);
int clinux_action_is_default(const void *action);
void clinux_action_ignore(void *action);
void clinux_action_default(void *action);

// Terminals

/// The size of the window in cells (`TIOCGWINSZ`).
int clinux_window_size(int terminal, unsigned short *rows, unsigned short *columns);

#endif
