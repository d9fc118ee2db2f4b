/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Gives every file of a folder to a fuzz target, once: its corpus as an ordinary test. A file
 * found.hex has one input a line: what the fuzzer came upon.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (4 * 1024 * 1024)

static unsigned count;

static void replay_line(const char *hex, uint8_t *buffer)
{
    size_t size = 0;
    unsigned byte;

    for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
        buffer[size++] = (uint8_t)byte;
    LLVMFuzzerTestOneInput(buffer, size);
    count++;
}

static void replay_lines(const char *name, FILE *file, uint8_t *buffer)
{
    size_t room = 0;
    char *line = NULL;

    while (getline(&line, &room, file) >= 0) {
        fprintf(stderr, "%s: %.80s\n", name, line);
        replay_line(line, buffer);
    }
    free(line);
}

static void replay_whole(const char *name, FILE *file, uint8_t *buffer)
{
    size_t size = fread(buffer, 1, INPUT_MAX, file);

    fprintf(stderr, "%s: %zu bytes\n", name, size);
    LLVMFuzzerTestOneInput(buffer, size);
    count++;
}

static int replay(const char *folder, const char *name, uint8_t *buffer)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return -1;
    }
    (strcmp(name, "found.hex") == 0 ? replay_lines : replay_whole)(name, file, buffer);
    fclose(file);
    return 0;
}

int main(int argc, char **argv)
{
    uint8_t *buffer = malloc(INPUT_MAX);
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    struct dirent *entry;
    int failed = 0;

    if (!folder || !buffer) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    while ((entry = readdir(folder)) && !failed)
        if (entry->d_name[0] != '.')
            failed = replay(argv[1], entry->d_name, buffer);
    closedir(folder);
    free(buffer);
    printf("1..1\n%s 1 - %u inputs\n", failed || !count ? "not ok" : "ok", count);
    return failed || !count;
}
