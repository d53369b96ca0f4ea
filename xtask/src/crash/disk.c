/* A disk that loses power, fails or is slow, for one program: loaded with LD_PRELOAD, on Linux.
 *
 * Beside the folder DISK_ROOT stands its durable image, DISK_IMAGE: what a disk would hold if the
 * power were cut now. `inodes/` has a file's bytes as of its last fsync, under its number and time
 * of birth; `tree/` has a folder's names as of its last fsync, as hard links to those. So a file's
 * bytes need an fsync of the file, and its name one of its folder (POSIX promises no more); an
 * fsync of a folder makes the folders above it durable too, as journals do. Whoever kills the
 * program puts the image in the folder's place.
 *
 *   DISK_WRITEBACK=PERCENT  so many of the 4 KiB pages that are written, and of the names that
 *                           change, are durable at once, in no order: what a kernel does unasked
 *   DISK_SWALLOW=PATTERN    fsync of a path like the pattern says yes and does nothing: canaries
 *   DISK_FAIL=PATTERN:N     the N-th fsync of a path like the pattern fails with EIO, and what was
 *                           written is forgotten as if it were clean, as Linux does
 *   DISK_SLOW=LEAST:MOST    fsync takes so many milliseconds longer
 *   DISK_SEED=NUMBER        of the chances above
 *
 * SQLite's `-shm` files are left out: they are mapped, never synced, and made anew after a crash.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define FILES 65536

struct range { off_t from, to; };

/* What was written to a file since its last fsync. */
struct file {
    ino_t inode;
    long long born;
    long born_nanos;
    struct range *ranges;
    size_t count, room;
    off_t cut; /* the least length it was cut to */
    struct file *next;
};

static char root[PATH_MAX], image[PATH_MAX];
static size_t root_length;
static dev_t root_device;
static int writeback, slow_least, slow_most, fail_at, fail_count;
static char fail_text[256];
static const char *swallow;
static unsigned long long chance_state = 88172645463325252ULL;
static struct file *files[FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(result, name, ...) \
    static result (*real_##name)(__VA_ARGS__); \
    static void find_##name(void) { \
        if (!real_##name) real_##name = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name); \
    }

REAL(int, open64, const char *, int, ...)
REAL(int, openat64, int, const char *, int, ...)
REAL(ssize_t, write, int, const void *, size_t)
REAL(ssize_t, writev, int, const struct iovec *, int)
REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t)
REAL(ssize_t, pwritev64, int, const struct iovec *, int, off64_t)
REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned)
REAL(int, ftruncate64, int, off64_t)
REAL(int, fsync, int)
REAL(int, fdatasync, int)
REAL(int, rename, const char *, const char *)
REAL(int, link, const char *, const char *)
REAL(int, linkat, int, const char *, int, const char *, int)
REAL(int, unlink, const char *)

static int number(const char *name, int other) {
    const char *text = getenv(name);
    return text ? atoi(text) : other;
}

__attribute__((constructor)) static void begin(void) {
    find_open64(), find_openat64(), find_write(), find_writev(), find_pwrite64();
    find_pwritev64(), find_copy_file_range(), find_ftruncate64(), find_fsync(), find_fdatasync();
    find_rename(), find_link(), find_linkat(), find_unlink();
    const char *folder = getenv("DISK_ROOT"), *copy = getenv("DISK_IMAGE");
    struct stat about;
    if (!folder || !realpath(folder, root) || stat(root, &about)) return;
    root_length = strlen(root);
    root_device = about.st_dev;
    if (copy && !realpath(copy, image)) image[0] = 0;
    writeback = number("DISK_WRITEBACK", 0);
    swallow = getenv("DISK_SWALLOW");
    chance_state ^= (unsigned long long)number("DISK_SEED", 0) * 2654435761ULL;
    const char *slow = getenv("DISK_SLOW"), *fail = getenv("DISK_FAIL");
    if (slow) sscanf(slow, "%d:%d", &slow_least, &slow_most);
    if (fail) sscanf(fail, "%255[^:]:%d", fail_text, &fail_at);
}

static unsigned chance(void) { /* xorshift64; under the lock */
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return (unsigned)(chance_state >> 33);
}

static int is_ours(const char *path) {
    size_t length = strlen(path);
    if (!root_length || strncmp(path, root, root_length)) return 0;
    if (path[root_length] && path[root_length] != '/') return 0;
    return length < 4 || strcmp(path + length - 4, "-shm");
}

static int path_of(int fd, char *path) {
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(name, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_ours(path);
}

static int birth(int fd, const char *name, struct file *file) {
    struct statx about;
    int flags = name ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH;
    if (statx(fd, name ? name : "", flags, STATX_INO | STATX_BTIME, &about)) return 0;
    file->inode = about.stx_ino;
    file->born = about.stx_btime.tv_sec;
    file->born_nanos = about.stx_btime.tv_nsec;
    return 1;
}

static void inode_path(const struct file *file, char *path) {
    snprintf(path, PATH_MAX, "%.3500s/inodes/%llx-%lld.%09ld", image,
             (unsigned long long)file->inode, file->born, file->born_nanos);
}

/* Returns what is known of an open file of ours, or nothing. Under the lock. */
static struct file *known(int fd) {
    struct stat about;
    if (!image[0] || fstat(fd, &about) || !S_ISREG(about.st_mode)) return NULL;
    if (about.st_dev != root_device) return NULL;
    struct file *file = files[about.st_ino % FILES];
    while (file && file->inode != about.st_ino) file = file->next;
    return file;
}

static void add(struct file *file, off_t from, off_t to) {
    struct range *last = file->count ? &file->ranges[file->count - 1] : NULL;
    if (last && from >= last->from && from <= last->to) {
        if (to > last->to) last->to = to;
        return;
    }
    if (file->count == file->room) {
        file->room = file->room ? file->room * 2 : 64;
        file->ranges = realloc(file->ranges, file->room * sizeof *file->ranges);
    }
    file->ranges[file->count++] = (struct range){from, to};
}

static void opened(int fd, int flags) {
    char path[PATH_MAX];
    struct stat about;
    if (fd < 0 || !image[0] || (flags & O_ACCMODE) == O_RDONLY) return;
    int before = errno;
    if (!fstat(fd, &about) && S_ISREG(about.st_mode) && path_of(fd, path)) {
        struct file found = {0};
        pthread_mutex_lock(&lock);
        struct file *file = known(fd);
        if (birth(fd, NULL, &found)) {
            int is_same = file && file->born == found.born && file->born_nanos == found.born_nanos;
            if (!file) {
                file = calloc(1, sizeof *file);
                file->inode = found.inode;
                file->next = files[found.inode % FILES];
                files[found.inode % FILES] = file;
            }
            if (!is_same) { /* a number that was used before */
                file->born = found.born, file->born_nanos = found.born_nanos;
                /* What another process left unsynced goes with the first fsync of this one; over
                 * what is durable, which a kill within that fsync must not take away. */
                file->count = 0, file->cut = LLONG_MAX;
                add(file, 0, about.st_size);
            }
            if (flags & O_TRUNC) file->cut = 0;
        }
        pthread_mutex_unlock(&lock);
    }
    errno = before;
}

static void copy(int from, int to, off_t at, off_t end) {
    char bytes[16 * PAGE];
    while (at < end) {
        size_t most = (size_t)(end - at) < sizeof bytes ? (size_t)(end - at) : sizeof bytes;
        ssize_t some = pread64(from, bytes, most, at);
        if (some <= 0) return;
        if (real_pwrite64(to, bytes, some, at) != some) return;
        at += some;
    }
}

/* Opens the durable bytes of a file, none at first. */
static int durable(const struct file *file) {
    char path[PATH_MAX];
    inode_path(file, path);
    return real_open64(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

/* Who writes may not be able to read: opens the file once more. */
static int readable(int fd) {
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    return real_open64(name, O_RDONLY | O_CLOEXEC);
}

static void written(int fd, off_t from, ssize_t length) {
    if (length <= 0 || !image[0]) return;
    int before = errno;
    pthread_mutex_lock(&lock);
    struct file *file = known(fd);
    if (file) {
        if (from < 0) from = lseek64(fd, 0, SEEK_CUR) - length;
        off_t end = from + length;
        add(file, from, end);
        if (writeback) {
            int to = -1, source = -1;
            for (off_t page = from - from % PAGE; page < end; page += PAGE) {
                if ((int)(chance() % 100) >= writeback) continue;
                if (to < 0) to = durable(file), source = readable(fd);
                copy(source, to, page, page + PAGE);
            }
            if (to >= 0) close(to), close(source);
        }
    }
    pthread_mutex_unlock(&lock);
    errno = before;
}

static void make_folders(char *path) {
    for (char *at = path + 1; *at; at++) {
        if (*at != '/') continue;
        *at = 0, mkdir(path, 0700), *at = '/';
    }
    mkdir(path, 0700);
}

/* Makes the names of a folder durable. Under the lock. */
static void sync_names(const char *path) {
    char copied[2 * PATH_MAX], name[3 * PATH_MAX], inode[PATH_MAX], staged[PATH_MAX];
    snprintf(copied, sizeof copied, "%.3500s/tree%s", image, path + root_length);
    if (access(copied, F_OK)) make_folders(copied);
    snprintf(staged, sizeof staged, "%.3500s/staged", image);
    DIR *folder = opendir(path);
    if (!folder) return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        struct stat about;
        if (fstatat(dirfd(folder), entry->d_name, &about, AT_SYMLINK_NOFOLLOW)) continue;
        snprintf(name, sizeof name, "%s/%s", copied, entry->d_name);
        if (S_ISDIR(about.st_mode)) mkdir(name, 0700);
        size_t length = strlen(entry->d_name);
        int is_index = length >= 4 && !strcmp(entry->d_name + length - 4, "-shm");
        struct file file = {0};
        if (!S_ISREG(about.st_mode) || is_index) continue;
        if (!birth(dirfd(folder), entry->d_name, &file)) continue;
        inode_path(&file, inode);
        close(durable(&file));
        struct stat there, wanted;
        if (!stat(inode, &wanted) && !stat(name, &there) && there.st_ino == wanted.st_ino) continue;
        real_unlink(staged);
        if (!real_link(inode, staged)) real_rename(staged, name);
    }
    rewinddir(folder);
    DIR *old = opendir(copied);
    for (struct dirent *entry; old && (entry = readdir(old));) {
        struct stat about;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (!fstatat(dirfd(folder), entry->d_name, &about, AT_SYMLINK_NOFOLLOW)) continue;
        unlinkat(dirfd(old), entry->d_name, 0);
    }
    if (old) closedir(old);
    closedir(folder);
}

static void sync_bytes(int fd, struct file *file) {
    struct stat about;
    int to = durable(file), source = readable(fd);
    if (file->cut != LLONG_MAX && !fstat(to, &about) && about.st_size > file->cut) {
        real_ftruncate64(to, file->cut);
    }
    for (size_t at = 0; at < file->count; at++) {
        copy(source, to, file->ranges[at].from, file->ranges[at].to);
    }
    if (!fstat(fd, &about)) real_ftruncate64(to, about.st_size);
    close(to), close(source);
}

/* Whatever changed the name: the kernel may write its folder any time. */
static void named(const char *path) {
    char full[PATH_MAX], folder[PATH_MAX];
    if (!writeback || !image[0]) return;
    int before = errno;
    snprintf(folder, sizeof folder, "%s", path);
    char *end = strrchr(folder, '/');
    if (end) {
        *end = 0;
        if (realpath(folder, full) && is_ours(full)) {
            pthread_mutex_lock(&lock);
            if ((int)(chance() % 100) < writeback) sync_names(full);
            pthread_mutex_unlock(&lock);
        }
    }
    errno = before;
}

static int synced(int fd, int (*real)(int)) {
    char path[PATH_MAX];
    struct stat about;
    if (!root_length || !path_of(fd, path)) return real(fd);
    if (swallow && !fnmatch(swallow, path, 0)) return 0;
    if (slow_most) {
        pthread_mutex_lock(&lock);
        int wait = slow_least + (int)(chance() % (unsigned)(slow_most - slow_least + 1));
        pthread_mutex_unlock(&lock);
        struct timespec time = {wait / 1000, (wait % 1000) * 1000000L};
        nanosleep(&time, NULL);
    }
    pthread_mutex_lock(&lock);
    int fails = fail_at && !fnmatch(fail_text, path, 0) && ++fail_count == fail_at;
    struct file *file = known(fd);
    if (!fails && image[0]) {
        if (file) sync_bytes(fd, file);
        else if (!fstat(fd, &about) && S_ISDIR(about.st_mode)) sync_names(path);
    }
    if (file) file->count = 0, file->cut = LLONG_MAX;
    pthread_mutex_unlock(&lock);
    if (fails) {
        errno = EIO;
        return -1;
    }
    return real(fd);
}

int fsync(int fd) { find_fsync(); return synced(fd, real_fsync); }
int fdatasync(int fd) { find_fdatasync(); return synced(fd, real_fdatasync); }

static int open_any(const char *path, int flags, mode_t mode) {
    find_open64();
    int is_new = (flags & O_CREAT) && access(path, F_OK);
    int fd = real_open64(path, flags, mode);
    opened(fd, flags);
    if (fd >= 0 && is_new) named(path);
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list more; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }

int open(const char *path, int flags, ...) { MODE(flags) return open_any(path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_any(path, flags, mode); }
int creat(const char *path, mode_t mode) {
    return open_any(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int openat(int folder, const char *path, int flags, ...) {
    MODE(flags)
    find_openat64();
    int fd = real_openat64(folder, path, flags, mode);
    opened(fd, flags);
    return fd;
}
int openat64(int folder, const char *path, int flags, ...) {
    MODE(flags)
    return openat(folder, path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    find_write();
    ssize_t done = real_write(fd, bytes, length);
    written(fd, -1, done);
    return done;
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    find_writev();
    ssize_t done = real_writev(fd, parts, count);
    written(fd, -1, done);
    return done;
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    find_pwrite64();
    ssize_t done = real_pwrite64(fd, bytes, length, at);
    written(fd, at, done);
    return done;
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    return pwrite64(fd, bytes, length, at);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    find_pwritev64();
    ssize_t done = real_pwritev64(fd, parts, count, at);
    written(fd, at, done);
    return done;
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    return pwritev64(fd, parts, count, at);
}
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *to_at, size_t length,
                        unsigned how) {
    find_copy_file_range();
    off64_t begin = to_at ? *to_at : -1;
    ssize_t done = real_copy_file_range(from, at, to, to_at, length, how);
    written(to, begin, done);
    return done;
}

int ftruncate64(int fd, off64_t length) {
    find_ftruncate64();
    int done = real_ftruncate64(fd, length);
    pthread_mutex_lock(&lock);
    struct file *file = done ? NULL : known(fd);
    if (file && length < file->cut) file->cut = length;
    pthread_mutex_unlock(&lock);
    return done;
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int rename(const char *from, const char *to) {
    find_rename();
    int done = real_rename(from, to);
    if (!done) named(to);
    return done;
}
int link(const char *from, const char *to) {
    find_link();
    int done = real_link(from, to);
    if (!done) named(to);
    return done;
}
int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    find_linkat();
    int done = real_linkat(from_folder, from, to_folder, to, flags);
    if (!done) named(to);
    return done;
}
int unlink(const char *path) {
    find_unlink();
    int done = real_unlink(path);
    if (!done) named(path);
    return done;
}
