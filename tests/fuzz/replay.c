/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gives every file of a folder to a fuzz target, once: its corpus as an ordinary test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (4 * 1024 * 1024)

static int replay(const char *folder, const char *name, uint8_t *buffer)
{
    char path[4096];
    size_t size;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return -1;
    }
    size = fread(buffer, 1, INPUT_MAX, file);
    fclose(file);
    fprintf(stderr, "%s: %zu bytes\n", name, size);
    LLVMFuzzerTestOneInput(buffer, size);
    return 0;
}

int main(int argc, char **argv)
{
    uint8_t *buffer = malloc(INPUT_MAX);
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    struct dirent *entry;
    unsigned count = 0;
    int failed = 0;

    if (!folder || !buffer) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    while ((entry = readdir(folder)) && !failed)
        if (entry->d_name[0] != '.') {
            failed = replay(argv[1], entry->d_name, buffer);
            count++;
        }
    closedir(folder);
    free(buffer);
    printf("1..1\n%s 1 - %u inputs\n", failed || !count ? "not ok" : "ok", count);
    return failed || !count;
}
