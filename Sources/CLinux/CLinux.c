#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef XFS_SUPER_MAGIC
#error "linux/magic.h without XFS_SUPER_MAGIC"
#endif

int clinux_pipe2(int ends[2], int flags) { return pipe2(ends, flags); }

int clinux_dup3(int from, int to, int flags) { return dup3(from, to, flags); }

int clinux_accept4(int listener, int flags) { return accept4(listener, NULL, NULL, flags); }

int clinux_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int clinux_epoll(void) { return epoll_create1(EPOLL_CLOEXEC); }

int clinux_epoll_watch(int set, int descriptor, int isNew, int isForWriting, uint64_t mark) {
    struct epoll_event event = {.events = EPOLLONESHOT | (isForWriting ? EPOLLOUT : EPOLLIN), .data.u64 = mark};
    return epoll_ctl(set, isNew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor, &event);
}

int clinux_epoll_forget(int set, int descriptor) { return epoll_ctl(set, EPOLL_CTL_DEL, descriptor, NULL); }

int clinux_epoll_ready(int set, uint64_t *marks, int most) {
    enum { room = 64 };
    struct epoll_event ready[room];
    int count = epoll_wait(set, ready, most < room ? most : room, 0);
    for (int index = 0; index < count; index++) marks[index] = ready[index].data.u64;
    return count;
}

const int clinux_o_path = O_PATH;
const int clinux_o_direct = O_DIRECT;
const int clinux_seek_data = SEEK_DATA;
const int clinux_seek_hole = SEEK_HOLE;
const int clinux_f_setsig = F_SETSIG;
const int clinux_f_setpipe_sz = F_SETPIPE_SZ;

// A lock of length 0 reaches to the end of the file, wherever that is; `l_pid` must be 0 for these.

int clinux_lock(int file, int isExclusive) {
    struct flock lock = {.l_type = isExclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
    return fcntl(file, F_OFD_SETLK, &lock);
}

int clinux_is_locked(int file) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(file, F_OFD_GETLK, &lock) != 0) return -1;
    return lock.l_type != F_UNLCK;
}

const unsigned int clinux_rename_noreplace = RENAME_NOREPLACE;

int clinux_renameat2(int from, const char *old, int to, const char *new_name, unsigned int flags) {
    return renameat2(from, old, to, new_name, flags);
}

const unsigned int clinux_sync_file_range_write = SYNC_FILE_RANGE_WRITE;
const unsigned int clinux_sync_file_range_write_and_wait =
    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

int clinux_sync_file_range(int file, int64_t offset, int64_t count, unsigned int flags) {
    return sync_file_range(file, offset, count, flags);
}

int clinux_file_system(int file, int64_t *type) {
    struct statfs info;
    if (fstatfs(file, &info) != 0) return -1;
    *type = (int64_t)info.f_type;
    return 0;
}

const int64_t clinux_ext_magic = EXT4_SUPER_MAGIC;
const int64_t clinux_xfs_magic = XFS_SUPER_MAGIC;
const int64_t clinux_btrfs_magic = BTRFS_SUPER_MAGIC;
const int64_t clinux_tmpfs_magic = TMPFS_MAGIC;
const int64_t clinux_nfs_magic = NFS_SUPER_MAGIC;

int clinux_block_is_read_only(int device, int *isReadOnly) { return ioctl(device, BLKROGET, isReadOnly); }

int clinux_block_size(int device, uint64_t *bytes) { return ioctl(device, BLKGETSIZE64, bytes); }

int clinux_block_sector_size(int device, int *logical, unsigned int *physical) {
    if (ioctl(device, BLKSSZGET, logical) != 0) return -1;
    return ioctl(device, BLKPBSZGET, physical);
}

int clinux_peer(int socket, int32_t *process, uint32_t *user, uint32_t *group) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
    if (size != sizeof peer) {
        errno = EINVAL;
        return -1;
    }
    *process = peer.pid;
    *user = peer.uid;
    *group = peer.gid;
    return 0;
}

// unix(7): SCM_MAX_FD, which no header of user space has.
enum { most_descriptors = 253 };
const int clinux_most_descriptors = most_descriptors;

union control {
    char bytes[CMSG_SPACE(most_descriptors * sizeof(int))];
    struct cmsghdr aligned;
};

long clinux_send_descriptors(
    int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptorCount) {
    if (descriptorCount > most_descriptors || count == 0) {
        errno = EINVAL;
        return -1;
    }
    union control control;
    memset(&control, 0, sizeof control);
    struct iovec data = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (descriptorCount > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(descriptorCount * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(descriptorCount * sizeof(int));
        memcpy(CMSG_DATA(header), descriptors, descriptorCount * sizeof(int));
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

long clinux_receive_descriptors(
    int socket, void *bytes, size_t count, int *descriptors, size_t *descriptorCount, int *isCut) {
    size_t room = *descriptorCount;
    *descriptorCount = 0;
    *isCut = 0;
    if (room > most_descriptors) {
        errno = EINVAL;
        return -1;
    }
    union control control;
    struct iovec data = {.iov_base = bytes, .iov_len = count};
    // Room for as many as a message can hold: the kernel would lose the rest without a number to close.
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (received < 0) return received;
    *isCut = (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t index = 0; index < here; index++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(header) + index * sizeof descriptor, sizeof descriptor);
            if (*descriptorCount < room) {
                descriptors[(*descriptorCount)++] = descriptor;
            } else {
                close(descriptor);
                *isCut = 1;
            }
        }
    }
    return received;
}

int clinux_tcp_info(int socket, struct clinux_tcp_info *info) {
    struct tcp_info raw;
    memset(&raw, 0, sizeof raw);
    socklen_t size = sizeof raw;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &raw, &size) != 0) return -1;
    info->state = raw.tcpi_state;
    info->retransmits = raw.tcpi_retransmits;
    info->probes = raw.tcpi_probes;
    info->last_data_sent = raw.tcpi_last_data_sent;
    info->last_data_received = raw.tcpi_last_data_recv;
    info->last_ack_received = raw.tcpi_last_ack_recv;
    info->unacknowledged = raw.tcpi_unacked;
    info->has_bytes =
        size >= offsetof(struct tcp_info, tcpi_bytes_received) + sizeof raw.tcpi_bytes_received;
    info->bytes_acknowledged = raw.tcpi_bytes_acked;
    info->bytes_received = raw.tcpi_bytes_received;
    return 0;
}

int clinux_unacknowledged(int socket, int *bytes) { return ioctl(socket, SIOCOUTQ, bytes); }

const unsigned int clinux_iff_up = IFF_UP;
const unsigned int clinux_atf_com = ATF_COM;

const short clinux_posix_spawn_setsid = POSIX_SPAWN_SETSID;

int clinux_exit_code(int status, int *signal) {
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    *signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return -1;
}

int clinux_action_is_ignored(const void *action) {
    return ((const struct sigaction *)action)->sa_handler == SIG_IGN;
}

int clinux_action_is_default(const void *action) {
    return ((const struct sigaction *)action)->sa_handler == SIG_DFL;
}

static void set(struct sigaction *action, void (*handler)(int)) {
    memset(action, 0, sizeof *action);
    action->sa_handler = handler;
}

void clinux_action_ignore(void *action) { set(action, SIG_IGN); }

void clinux_action_default(void *action) { set(action, SIG_DFL); }

int clinux_window_size(int terminal, unsigned short *rows, unsigned short *columns) {
    struct winsize size;
    if (ioctl(terminal, TIOCGWINSZ, &size) != 0) return -1;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return 0;
}
