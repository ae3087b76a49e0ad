/* Runs a fuzz target once on every file of the folders and files that are named: saved findings stay fixed. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "fuzz.h"

static bool run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    buf b;
    buf_init(&b, 0);
    size_t got = 1;
    while (got > 0 && buf_reserve(&b, 65536)) {
        got = fread(b.p + b.n, 1, 65536, f);
        b.n += got;
    }
    bool ok = !ferror(f) && !b.failed;
    fclose(f);
    /* a copy of the very size, so that AddressSanitizer sees what is read behind it */
    uint8_t *data = malloc(b.n ? b.n : 1);
    if (data) {
        if (b.n)
            memcpy(data, b.p, b.n);
        LLVMFuzzerTestOneInput(data, b.n);
    }
    ok = ok && data;
    free(data);
    buf_fini(&b);
    return ok;
}

static bool run_path(const char *path, unsigned *count)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    if (!S_ISDIR(st.st_mode)) {
        ++*count;
        return run_file(path);
    }
    DIR *dir = opendir(path);
    if (!dir)
        return false;
    bool ok = true;
    for (struct dirent *e; ok && (e = readdir(dir));) {
        buf name;
        if (e->d_name[0] == '.')
            continue;
        buf_init(&name, 0);
        buf_printf(&name, "%s/%s", path, e->d_name);
        ok = !name.failed && run_path(name.p, count);
        buf_fini(&name);
    }
    closedir(dir);
    return ok;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++)
        if (!run_path(argv[i], &count)) {
            perror(argv[i]);
            return 1;
        }
    printf("%u inputs\n", count);
    return 0;
}
