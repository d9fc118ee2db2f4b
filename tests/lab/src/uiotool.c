/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * uiotool: looks at shared pages from a shell, in Dom0 through /dev/uioN and in a guest
 * through /dev/mem.
 *
 *   uiotool DEVICE OFFSET get                 print a 32-bit word
 *   uiotool DEVICE OFFSET put WORD            write a 32-bit word
 *   uiotool DEVICE OFFSET fill WORD LENGTH    write WORD over LENGTH bytes
 *   uiotool DEVICE OFFSET verify WORD LENGTH  print "same", or the first place that differs
 *   uiotool DEVICE OFFSET say TEXT            write a string
 *   uiotool DEVICE OFFSET hear                print a string
 *
 * OFFSET counts from the start of the pool for /dev/uioN, and is a physical address for
 * /dev/mem.  The pages are Device memory on real boards: they are touched only by aligned
 * volatile accesses, never by memset or memcpy, which fault there.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEXT_MAX 256

struct area {
    volatile uint8_t *bytes;
    volatile uint32_t *words;
};

static uint64_t number(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 0);

    if (end == text || *end)
        errx(2, "'%s' is not a number", text);
    return value;
}

/* UIO reads the file offset as the number of a map, so a pool is mapped from its start. */
static struct area map(const char *device, uint64_t offset, uint64_t length)
{
    uint64_t page = sysconf(_SC_PAGESIZE);
    uint64_t from = strncmp(device, "/dev/uio", 8) ? offset & ~(page - 1) : 0;
    struct area area;
    void *start;
    int fd;

    fd = open(device, O_RDWR | O_SYNC | O_CLOEXEC);
    if (fd < 0)
        err(1, "open %s", device);
    start = mmap(NULL, offset - from + length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, from);
    if (start == MAP_FAILED)
        err(1, "mmap %s", device);
    close(fd);

    area.bytes = (volatile uint8_t *)start + (offset - from);
    area.words = (volatile uint32_t *)area.bytes;
    return area;
}

static void get(struct area area)
{
    printf("0x%08x\n", area.words[0]);
}

static void fill(struct area area, uint32_t word, uint64_t length)
{
    for (uint64_t i = 0; i < length / sizeof(word); i++)
        area.words[i] = word;
    __sync_synchronize();
}

static int verify(struct area area, uint32_t word, uint64_t length)
{
    for (uint64_t i = 0; i < length / sizeof(word); i++) {
        uint32_t found = area.words[i];

        if (found != word) {
            printf("0x%08x at +0x%llx\n", found, (unsigned long long)(i * sizeof(word)));
            return 1;
        }
    }
    puts("same");
    return 0;
}

static void say(struct area area, const char *text)
{
    size_t length = strnlen(text, TEXT_MAX - 1);

    for (size_t i = 0; i < length; i++)
        area.bytes[i] = text[i];
    area.bytes[length] = 0;
    __sync_synchronize();
}

static void hear(struct area area)
{
    for (size_t i = 0; i < TEXT_MAX; i++) {
        uint8_t byte = area.bytes[i];

        if (!byte)
            break;
        putchar(byte >= ' ' && byte < 0x7f ? byte : '?');
    }
    putchar('\n');
}

int main(int argc, char **argv)
{
    const char *verb = argc > 3 ? argv[3] : "";
    const char *device = argv[1];
    uint64_t offset = argc > 3 ? number(argv[2]) : 0;

    if (argc > 3 && offset % sizeof(uint32_t))
        errx(2, "offset %s is not a multiple of 4", argv[2]);

    if (argc == 4 && !strcmp(verb, "get"))
        get(map(device, offset, sizeof(uint32_t)));
    else if (argc == 5 && !strcmp(verb, "put"))
        fill(map(device, offset, sizeof(uint32_t)), number(argv[4]), sizeof(uint32_t));
    else if (argc == 6 && !strcmp(verb, "fill"))
        fill(map(device, offset, number(argv[5])), number(argv[4]), number(argv[5]));
    else if (argc == 6 && !strcmp(verb, "verify"))
        return verify(map(device, offset, number(argv[5])), number(argv[4]), number(argv[5]));
    else if (argc == 5 && !strcmp(verb, "say"))
        say(map(device, offset, TEXT_MAX), argv[4]);
    else if (argc == 4 && !strcmp(verb, "hear"))
        hear(map(device, offset, TEXT_MAX));
    else
        errx(2, "usage: uiotool DEVICE OFFSET get|put WORD|fill WORD LENGTH|verify WORD LENGTH|say "
                "TEXT|hear");
    return 0;
}
