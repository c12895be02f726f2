/* options.c: the command line. argv comes in, a Command goes out, or one message and status 2.
 *
 *     adc build -D n=150 mlp.ad -o mlp      ->  { CMD_BUILD, file "mlp.ad", defines n = 150, output "mlp" }
 *
 * One table lists every option with its help; getopt_long reads it and --help prints it. What a word may be is checked
 * here, so that nothing is ever ignored: an unknown option, pass or form names the nearest known one. */
#include "driver.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { FOR_CODE = 1, FOR_CHECK = 2, FOR_FMT = 4, FOR_EXPLAIN = 8, FOR_DATA = 16, FOR_FILES = 32, FOR_ALL = 63, FOR_MODEL = FOR_CODE | FOR_CHECK };

enum { OPT_EMIT = 256, OPT_PRECISION, OPT_DUMP, OPT_SKIP, OPT_VERIFY, OPT_STANDALONE, OPT_DATA, OPT_COLOR, OPT_CHECK, OPT_KEEP, OPT_LARGE };

typedef struct { const char *name; int key; int argument; int where; const char *left, *help; } Row;

static const Row rows[] = {
    {NULL, 'o', required_argument, FOR_FILES, "-o FILE", "write FILE; '-' is standard output"},
    {"emit", OPT_EMIT, required_argument, FOR_FILES, "--emit=FORM,...",
     "what to write: c (the default), header, lib, exe,\n"
     "tokens, ast, graph, loops, dot, deps, manifest"},
    {NULL, 'D', required_argument, FOR_MODEL, "-D NAME=VALUE", "fix the size of a dim"},
    {"precision", OPT_PRECISION, required_argument, FOR_MODEL, "--precision=f32|f64", "the element type of 'real'"},
    {NULL, 'O', required_argument, FOR_MODEL, "-O0 .. -O3", "how hard adc itself optimises (-O3)"},
    {"keep", OPT_KEEP, required_argument, FOR_MODEL, "--keep=BYTES",
     "recurrences: what of their steps is stored, and not\ncomputed again on the way back (32000000)"},
    {"large", OPT_LARGE, no_argument, FOR_MODEL, "--large",
     "C without what is for small sizes alone: the same\ntext for all sizes"},
    {"data", OPT_DATA, required_argument, FOR_DATA, "--data FILE",
     "build, run: specialise to the sizes of this data;\n"
     "NAME=FILE[#COLUMNS] gives one array"},
    {"standalone", OPT_STANDALONE, no_argument, FOR_CODE, "--standalone", "put the runtime into the C file"},
    {NULL, 'g', no_argument, FOR_CODE, "-g", "#line directives that lead back to the model"},
    {NULL, 'I', required_argument, FOR_MODEL, "-I DIR", "look for imported files in DIR as well"},
    {NULL, 'M', optional_argument, FOR_FILES, "-M, -MD, -MF FILE,", "dependencies for make: print them; write them beside"},
    {NULL, 0, 0, FOR_FILES, "-MT TARGET, -MP", "the output; to FILE; target; a rule for each import"},
    {NULL, 'W', required_argument, FOR_MODEL | FOR_EXPLAIN, "-Wno-NAME, -WNAME", "turn a warning off, or on again"},
    {NULL, 0, 0, FOR_MODEL, "-Werror", "warnings are errors"},
    {"color", OPT_COLOR, optional_argument, FOR_ALL, "--color=WHEN", "auto, always or never"},
    {"dump", OPT_DUMP, required_argument, FOR_MODEL, "--dump=PASS,...", "print what a pass made, on standard error; 'all'"},
    {"skip", OPT_SKIP, required_argument, FOR_MODEL, "--skip=PASS,...", "leave out an optional pass"},
    {"verify", OPT_VERIFY, no_argument, FOR_MODEL, "--verify", "check the graph after every pass"},
    {NULL, 'w', no_argument, FOR_FMT, "-w", "fmt: rewrite the files in place"},
    {"check", OPT_CHECK, no_argument, FOR_FMT, "--check", "fmt: exit 1 when a file would change"},
    {"version", 'V', no_argument, FOR_ALL, "--version", "print the version"},
    {"help", 'h', no_argument, FOR_ALL, "-h, --help", "print this"},
};
enum { NROWS = sizeof rows / sizeof *rows };

static const struct { const char *name; CommandKind kind; int where; } commands[] = {
    {"build", CMD_BUILD, FOR_CODE | FOR_CHECK | FOR_DATA | FOR_FILES}, {"run", CMD_RUN, FOR_CODE | FOR_CHECK | FOR_DATA},
    {"check", CMD_CHECK, FOR_CHECK}, {"fmt", CMD_FMT, FOR_FMT}, {"explain", CMD_EXPLAIN, FOR_EXPLAIN},
};
enum { NCOMMANDS = sizeof commands / sizeof *commands };

static const char *const emit_names[EMIT_COUNT] = {
    [EMIT_TOKENS] = "tokens", [EMIT_AST] = "ast", [EMIT_GRAPH] = "graph", [EMIT_LOOPS] = "loops", [EMIT_DOT] = "dot",
    [EMIT_DEPS] = "deps", [EMIT_MANIFEST] = "manifest", [EMIT_HEADER] = "header", [EMIT_C] = "c", [EMIT_LIB] = "lib",
    [EMIT_EXE] = "exe",
};

void help_print(FILE *out)
{
    fputs("usage: adc [options] MODEL.ad                write MODEL.c ('-' reads standard input)\n"
          "       adc build MODEL.ad [-o EXE]           and compile it, with $CC, $CFLAGS, $LDFLAGS\n"
          "       adc run MODEL.ad [options] -- [trainer options]\n"
          "                                             build into a cache, specialised to the data, and run\n"
          "       adc check MODEL.ad...                 report mistakes, write nothing\n"
          "       adc fmt [-w | --check] MODEL.ad...    print in canonical layout\n"
          "       adc explain [CODE...]                 say more about an error\n"
          "\noptions:\n", out);
    for (int i = 0; i < NROWS; i++) {
        const char *line = rows[i].help;
        for (const char *left = rows[i].left; *line; left = "") {
            int n = (int)strcspn(line, "\n");
            fprintf(out, "  %-22s  %.*s\n", left, n, line);
            line += n + (line[n] == '\n');
        }
    }
    fputs("\nexit status: 0; 1 errors in the model; 2 usage; 3 input or output; 4 the C compiler failed;\n"
          "70 a bug in adc\n", out);
}

/* "unknown WHAT 'word'; did you mean 'near'?" */
static bool unknown(const char *what, const char *word, const char *const *words, int n, const char *more)
{
    const char *near = nearest_name(word, words, n);
    if (near)
        complain(STATUS_USAGE, "unknown %s '%s'; did you mean '%s'?", what, word, near);
    else
        complain(STATUS_USAGE, "unknown %s '%s'; %s", what, word, more);
    return false;
}

/* What getopt_long stopped at: the word itself without its value, against every spelling we know. */
static bool unknown_option(const Command *command, char **argv)
{
    static const char *const spellings[] = {
        "--emit", "--precision", "--keep", "--large", "--data", "--standalone", "--color", "--dump", "--skip", "--verify", "--check", "--version",
        "--help", "--", "-o", "-D", "-O0", "-O1", "-O2", "-O3", "-g", "-I", "-MD", "-MF", "-MT", "-MP", "-Werror", "-w", "-h",
    };
    const char *more = command->kind == CMD_RUN ? "options of the trainer follow '--'" : "see adc --help";
    char word[64];
    if (optopt > 0 && optopt < 256) {
        snprintf(word, sizeof word, "-%c", optopt);
        return unknown("option", word, NULL, 0, more);
    }
    const char *given = argv[optind - 1];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(given, "="), given);
    if (optopt >= 256) {
        complain(STATUS_USAGE, "option '%s' takes no value", word);
        return false;
    }
    return unknown("option", word, spellings, sizeof spellings / sizeof *spellings, more);
}

/* NAME=VALUE with a value that is a whole number: what a size can be. */
static bool parse_define(Command *command, const char *word)
{
    size_t n = strcspn(word, "=");
    char *end = NULL;
    if (n == 0) {
        complain(STATUS_USAGE, "'-D %s' has no name: write -D NAME=VALUE", word);
        return false;
    }
    if (word[n] != '=') {
        complain(STATUS_USAGE, "'-D %s' has no value: write -D NAME=VALUE", word);
        return false;
    }
    errno = 0;
    long long value = strtoll(word + n + 1, &end, 10);
    if (end == word + n + 1 || *end || value < 1 || errno == ERANGE) {
        complain(STATUS_USAGE, "'-D %s' wants a whole number above 0: a size", word);
        return false;
    }
    Define define = {arena_strndup(command->arena, word, n), arena_strdup(command->arena, word + n + 1), {0}};
    for (int i = 0; i < command->options.defines.n; i++) {
        Define *old = &command->options.defines.at[i];
        if (strcmp(old->name, define.name) == 0) {          /* the last one counts, as in cc */
            *old = define;
            return true;
        }
    }
    vec_push(command, &command->options.defines, define);
    return true;
}

/* Calls take(command, word) for every word of a list with commas. */
static bool each_word(Command *command, const char *option, const char *list, bool (*take)(Command *, const char *))
{
    if (!list[strspn(list, ",")]) {
        complain(STATUS_USAGE, "option '%s' needs a value", option);
        return false;
    }
    while (*list) {
        size_t n = strcspn(list, ",");
        if (n && !take(command, arena_strndup(command->arena, list, n)))
            return false;
        list += n + (list[n] == ',');
    }
    return true;
}

static bool take_emit(Command *command, const char *word)
{
    for (int i = 0; i < EMIT_COUNT; i++)
        if (strcmp(word, emit_names[i]) == 0)
            return command->emit[i] = command->emit_given = true;
    return unknown("form of output", word, emit_names, EMIT_COUNT, "adc --help lists them");
}

static bool known_pass(const char *word)
{
    const char *names[MAX_PASSES];
    int n = pass_names(names);
    Str all = {0};
    for (int i = 0; i < n; i++)
        str_add(&all, "%s%s", i ? ", " : "they are ", names[i]);
    bool known = is_one_of(word, names, n) || unknown("pass", word, names, n, all.text);
    str_free(&all);
    return known;
}

static bool take_dump(Command *command, const char *word)
{
    if (strcmp(word, "all") != 0 && !known_pass(word))
        return false;
    vec_push(command, &command->options.dump, word);
    return true;
}

static bool take_skip(Command *command, const char *word)
{
    if (!known_pass(word))
        return false;
    if (!pass_is_optional(word)) {
        complain(STATUS_USAGE, "pass '%s' cannot be left out", word);
        return false;
    }
    vec_push(command, &command->options.skip, word);
    return true;
}

/* The warnings are what 'adc explain' knows besides errors. */
static bool known_warning(const char *word)
{
    const char *names[32], *code = NULL;
    int n = 0;
    names[n++] = "error";
    while ((code = explain_next(code)) && n < 32)
        if (*code != 'E')
            names[n++] = code;
    return is_one_of(word, names, n) || unknown("warning", word, names, n, "'adc explain' lists them");
}

/* -Werror, -Wno-NAME, -WNAME; the last word about a warning counts. Of 'explain' it is what to explain. */
static bool parse_warning(Command *command, const char *word)
{
    CompileOptions *o = &command->options;
    if (command->kind == CMD_EXPLAIN) {
        vec_push(command, &command->file, arena_printf(command->arena, "-W%s", word));
        return true;
    }
    if (!known_warning(strncmp(word, "no-", 3) == 0 ? word + 3 : word))
        return false;
    if (strcmp(word, "error") == 0)
        return o->werror = true;
    if (strcmp(word, "no-error") == 0)
        return !(o->werror = false);
    if (strncmp(word, "no-", 3) == 0) {
        vec_push(command, &o->no_warning, word + 3);
        return true;
    }
    for (int i = 0; i < o->no_warning.n; i++)
        if (strcmp(o->no_warning.at[i], word) == 0)
            o->no_warning.at[i--] = o->no_warning.at[--o->no_warning.n];
    return true;
}

/* -M -MD -MP alone; -MF and -MT take the rest of the word or the next one */
static bool parse_deps(Command *command, const char *rest, int argc, char **argv)
{
    if (!rest)
        return command->deps_only = true;
    if (strcmp(rest, "D") == 0 || strcmp(rest, "MD") == 0)
        return command->deps_beside = true;
    if (strcmp(rest, "P") == 0)
        return command->deps_phony = true;
    if (*rest != 'F' && *rest != 'T' && *rest != 'Q') {
        complain(STATUS_USAGE, "unknown option '-M%s'; there are -M, -MD, -MF, -MT and -MP", rest);
        return false;
    }
    const char *value = rest[1] ? rest + 1 : optind < argc ? argv[optind++] : NULL;
    if (!value) {
        complain(STATUS_USAGE, "option '-M%s' needs a value", rest);
        return false;
    }
    *(*rest == 'F' ? &command->deps_file : &command->deps_target) = value;
    return true;
}

/* One of a few words; its place, or -1 after a message. */
static int choose(const char *option, const char *word, const char *const *words, int n)
{
    for (int i = 0; i < n; i++)
        if (word && strcmp(word, words[i]) == 0)
            return i;
    Str all = {0};
    for (int i = 0; i < n; i++)
        str_add(&all, "%s%s", i == 0 ? "" : i == n - 1 ? " or " : ", ", words[i]);
    complain(STATUS_USAGE, "'%s' cannot be '%s': it is %s", option, word ? word : "", all.text);
    str_free(&all);
    return -1;
}

static bool take_keep(CompileOptions *o, const char *text)
{
    char *end;
    errno = 0;
    long long bytes = strtoll(text, &end, 10);
    if (end == text || *end || errno || bytes < 0) {
        complain(STATUS_USAGE, "'--keep' cannot be '%s': it is a number of bytes", text);
        return false;
    }
    o->keep = bytes ? bytes : 1;
    return true;
}

static bool take_option(Command *command, int key, int argc, char **argv)
{
    static const char *const precisions[] = {"f32", "f64"}, *const colors[] = {"never", "always", "auto"};
    static const char *const levels[] = {"0", "1", "2", "3"};
    CompileOptions *o = &command->options;
    int which;
    switch (key) {
    case 'o': command->output = optarg; return true;
    case 'D': return parse_define(command, optarg);
    case 'O': return (o->level = choose("-O", optarg, levels, 4)) >= 0;
    case 'g': return o->line_directives = true;
    case 'I': vec_push(command, &o->include, optarg); return true;
    case 'M': return parse_deps(command, optarg, argc, argv);
    case 'W': return parse_warning(command, optarg);
    case 'w': return command->in_place = true;
    case 'h': command->kind = CMD_HELP; return true;
    case 'V': command->kind = CMD_VERSION; return true;
    case OPT_EMIT: return each_word(command, "--emit", optarg, take_emit);
    case OPT_DUMP: return each_word(command, "--dump", optarg, take_dump);
    case OPT_SKIP: return each_word(command, "--skip", optarg, take_skip);
    case OPT_VERIFY: return o->verify = true;
    case OPT_STANDALONE: return o->standalone = true;
    case OPT_DATA: vec_push(command, &command->data, optarg); return true;
    case OPT_CHECK: return command->only_check = true;
    case OPT_PRECISION:
        which = choose("--precision", optarg, precisions, 2);
        o->precision = which == 0 ? 32 : 64;
        return which >= 0;
    case OPT_KEEP: return take_keep(o, optarg);
    case OPT_LARGE: return o->large = true;
    case OPT_COLOR: return (o->color = optarg ? choose("--color", optarg, colors, 3) : 1) >= 0;
    }
    return false;
}

/* A subcommand is the first word; it decides which options there are. */
static int find_command(Command *command, int argc, char **argv)
{
    for (int i = 0; argc > 1 && i < NCOMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            command->kind = commands[i].kind;
            command->name = commands[i].name;
            return commands[i].where;
        }
    }
    return FOR_CODE | FOR_CHECK | FOR_FILES;
}

static bool check_option_place(const Command *command, int key, int where)
{
    for (int i = 0; i < NROWS; i++) {
        if (rows[i].key != key || (rows[i].where & (where | (rows[i].where == FOR_ALL ? FOR_ALL : 0))))
            continue;
        char spelt[40] = {'-', (char)(key < 256 ? key : '-'), '\0'};
        if (key >= 256)
            snprintf(spelt, sizeof spelt, "--%s", rows[i].name);
        complain(STATUS_USAGE, "'%s' is no option of 'adc%s%s'", spelt, *command->name ? " " : "", command->name);
        return false;
    }
    return true;
}

static bool read_options(Command *command, int where, int argc, char **argv)
{
    struct option longs[NROWS + 1] = {{0}};
    int nlongs = 0, key;
    for (int i = 0; i < NROWS; i++)
        if (rows[i].name)
            longs[nlongs++] = (struct option){rows[i].name, rows[i].argument, NULL, rows[i].key};
    optind = 1;
    opterr = 0;
    while ((key = getopt_long(argc, argv, ":o:D:O:gI:M::W:whV", longs, NULL)) != -1) {
        if (key == '?')
            return unknown_option(command, argv);
        if (key == ':') {
            complain(STATUS_USAGE, "option '%s' needs a value", argv[optind - 1]);
            return false;
        }
        if (!check_option_place(command, key, where) || !take_option(command, key, argc, argv))
            return false;
    }
    for (int i = optind; i < argc; i++)
        vec_push(command, &command->file, argv[i]);
    return true;
}

/* What can only be said once everything was read. */
static bool check_command(Command *command)
{
    int n = command->file.n, texts = 0;
    if (command->kind == CMD_HELP || command->kind == CMD_VERSION || command->kind == CMD_EXPLAIN)
        return true;
    const char *gap = *command->name ? " " : "";
    if (n == 0) {
        complain(STATUS_USAGE, "no model given: adc%s%s MODEL.ad (see adc --help)", gap, command->name);
        return false;
    }
    if (n > 1 && command->kind != CMD_CHECK && command->kind != CMD_FMT) {
        static const char *const names[] = {"build", "run", "check", "fmt", "explain"};
        const char *first = command->file.at[0], *near = *command->name ? NULL : nearest_name(first, names, 5);
        if (!*command->name && is_one_of(first, names, 5))
            return complain(STATUS_USAGE, "a command comes first: adc %s ...", first) == STATUS_FINE;
        if (near && !strchr(first, '.'))
            complain(STATUS_USAGE, "unknown command '%s'; did you mean '%s'?", first, near);
        else
            complain(STATUS_USAGE, "one model at a time: '%s' and '%s' were given", first, command->file.at[1]);
        return false;
    }
    if ((command->deps_file || command->deps_target || command->deps_phony) && !command->deps_only && !command->deps_beside
        && (command->deps_file || !command->emit[EMIT_DEPS])) {
        complain(STATUS_USAGE, "%s needs -M or -MD", command->deps_file ? "-MF" : command->deps_target ? "-MT" : "-MP");
        return false;
    }
    if (command->deps_only) {
        memset(command->emit, 0, sizeof command->emit);
        command->emit[EMIT_DEPS] = command->emit_given = true;
        command->output = command->deps_file ? command->deps_file : command->output;
    }
    if (!command->emit_given)
        command->emit[command->kind == CMD_BUILD ? EMIT_EXE : EMIT_C] = true;
    for (int i = 0; i < EMIT_COUNT; i++)
        texts += command->emit[i];
    if (command->output && texts > 1) {
        complain(STATUS_USAGE, "'-o %s' names one file, but --emit asks for %d", command->output, texts);
        return false;
    }
    return true;
}

bool command_parse(Command *command, int argc, char **argv)
{
    command->name = "";
    command->options.level = 3;
    command->options.color = 2;
    int where = find_command(command, argc, argv);
    if (*command->name) {               /* the rest reads as if the subcommand were the program's name */
        argc--;
        argv++;
    }
    for (int i = 1; command->kind == CMD_RUN && i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            for (int k = i + 1; k < argc; k++)
                vec_push(command, &command->trainer, argv[k]);
            argc = i;
        }
    }
    if (!read_options(command, where, argc, argv))
        return false;
    if (command->trainer.n > 0 && strcmp(command->trainer.at[0], "check-grad") == 0 && command->options.precision == 0)
        command->options.precision = 64;        /* differences have too few digits in f32, and trainers refuse it */
    return check_command(command);
}
