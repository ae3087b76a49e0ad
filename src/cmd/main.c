#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/commands.h"

static const struct cmd *find(const char *name)
{
    for (size_t i = 0; cmd_table[i]; i++)
        if (strcmp(cmd_table[i]->name, name) == 0)
            return cmd_table[i];
    return NULL;
}

static void help(FILE *to)
{
    fputs("usage: bounced COMMAND [options] [arguments]\n\n"
          "Reads every trace of a delivery, says what each failure means, and keeps the list of addresses\n"
          "that must not be sent to.\n\ncommands:\n",
          to);
    for (size_t i = 0; cmd_table[i]; i++)
        fprintf(to, "  %-10s %s\n", cmd_table[i]->name, cmd_table[i]->summary);
    fputs("\n`bounced COMMAND --help` tells more; so does bounced(1).\n"
          "A good start: bounced ingest --dry-run /var/log/mail.log*\n",
          to);
}

static int unknown(const char *name)
{
    const char *names[64];
    size_t n = 0;
    for (; cmd_table[n] && n + 1 < ARRAY_LEN(names); n++)
        names[n] = cmd_table[n]->name;
    names[n] = NULL;
    const char *near = cmd_suggest(name, names);
    fprintf(stderr, "bounced: there is no command '%s'", name);
    if (near)
        fprintf(stderr, "; did you mean '%s'?", near);
    fputs("\nbounced --help lists the commands\n", stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write, noticed by cmd_write */
    if (argc < 2) {
        help(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        if (argc > 2) {
            const struct cmd *c = find(argv[2]);
            char *ask[] = {argv[2], (char[]){"--help"}, NULL};
            return c ? cmd_run(c, 2, ask) : unknown(argv[2]);
        }
        help(stdout);
        return fflush(stdout) == 0 ? EXIT_YES : EXIT_IOERR;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("bounced " BOUNCED_VERSION);
        return fflush(stdout) == 0 ? EXIT_YES : EXIT_IOERR;
    }
    const struct cmd *c = find(name);
    return c ? cmd_run(c, argc - 1, argv + 1) : unknown(name);
}
