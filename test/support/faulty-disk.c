// Preloaded into a server under test: makes system calls on chosen files fail, as a broken or a full disk does. The file that FAULTY_DISK names says which:
// lines of `<call> <part of a path> <errno>`, where the call is read, write or sync. No such file: nothing fails.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static __thread int looking;

static int fault(const char *call, int fd) {
  const char *control = getenv("FAULTY_DISK");
  if (control == NULL || looking) return 0;
  looking = 1;
  int found = 0;
  FILE *file = fopen(control, "re");
  if (file != NULL) {
    char link[64], path[4096], line[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    while (found == 0 && length > 0 && fgets(line, sizeof line, file) != NULL) {
      char what[16], part[4000];
      int code;
      if (sscanf(line, "%15s %3999s %d", what, part, &code) == 3 && strcmp(what, call) == 0 && strstr(path, part) != NULL) found = code;
    }
    fclose(file);
  }
  looking = 0;
  return found;
}

#define FAULTY(call, type, name, parameters, arguments)            \
  type name parameters {                                           \
    static type(*real) parameters;                                 \
    if (real == NULL) real = (type(*) parameters)dlsym(RTLD_NEXT, #name); \
    int code = fault(call, fd);                                    \
    if (code != 0) {                                               \
      errno = code;                                                \
      return -1;                                                   \
    }                                                              \
    return real arguments;                                         \
  }

FAULTY("read", ssize_t, pread, (int fd, void *buffer, size_t count, off_t offset), (fd, buffer, count, offset))
FAULTY("read", ssize_t, pread64, (int fd, void *buffer, size_t count, off64_t offset), (fd, buffer, count, offset))
FAULTY("read", ssize_t, read, (int fd, void *buffer, size_t count), (fd, buffer, count))
FAULTY("write", ssize_t, pwrite, (int fd, const void *buffer, size_t count, off_t offset), (fd, buffer, count, offset))
FAULTY("write", ssize_t, pwrite64, (int fd, const void *buffer, size_t count, off64_t offset), (fd, buffer, count, offset))
FAULTY("write", ssize_t, write, (int fd, const void *buffer, size_t count), (fd, buffer, count))
FAULTY("sync", int, fsync, (int fd), (fd))
FAULTY("sync", int, fdatasync, (int fd), (fd))
