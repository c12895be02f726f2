/* explain.c: the longer text behind every code, for 'adc explain E0203'. In: a code as messages print it, or the flag of
 * a warning. Out: a paragraph on what the rule is and why, and a tiny example of wrong and right.
 *
 * One table in the order of the codes: E01 text, E02 names, shapes and types, E03 the train block, E09 limits. */
#include "adc.h"

#include <string.h>

typedef struct { const char *code, *text; } Entry;

static const Entry entries[] = {
    {"E0101", "The statement does not fit the grammar: something stands where nothing of its kind can. The caret is at the\n"
              "first word that does not fit; the mistake is there or just before it. A statement ends with its line,\n"
              "unless a '(' or '[' is open or the line ends with an operator, '=' or ','.\n\n"
              "    loss mse(X @ w target)      # wrong: no comma\n"
              "    loss mse(X @ w, target)\n"},
    {"E0102", "A character that the language does not use. Outside strings and comments a model is ASCII; '\\', '$', '!'\n"
              "and the like mean nothing, and a statement needs no mark to go on over a newline. Text must be UTF-8.\n\n"
              "    let y = a \xC3\x97 b             # wrong\n"
              "    let y = a * b\n"},
    {"E0103", "A number that is cut short or runs into a letter. An exponent needs digits, and a product its '*'.\n\n"
              "    hyper lambda = 1e-          # wrong\n"
              "    let y = 2x                  # wrong\n"
              "    hyper lambda = 1e-3\n"
              "    let y = 2 * x\n"},
    {"E0104", "A number that no element can hold: an integer above 2^63 - 1, or a real above the largest double. A large\n"
              "real is written with an exponent, and infinity is 'inf'.\n\n"
              "    let a = 9223372036854775808 # wrong\n"
              "    let a = 9223372036854775808.0\n"},
    {"E0105", "A string begins and ends on one line, between two '\"'; it has no escapes.\n\n"
              "    data y[n] from column \"species     # wrong\n"
              "    data y[n] from column \"species\"\n"},
    {"E0106", "A bracket that nothing closes, reported where it was opened. The next statement keyword that leads a line\n"
              "ends the statement, so the lines below are read as if the bracket were closed.\n\n"
              "    let a = relu(X @ W          # wrong\n"
              "    let a = relu(X @ W)\n"},
    {"E0107", "Brackets, prefix operators, powers and bodies of reductions nest at most 200 deep, and at most 10000\n"
              "operators follow each other in one expression. Name a part with 'let' and use the name.\n\n"
              "    let inner = (a + b) * c\n"
              "    let outer = f(inner)\n"},
    {"E0108", "A statement begins with a keyword: precision dim hyper data param let fn loss metric output assert import\n"
              "train scan. A misspelt one is taken for the one it resembles, so that the rest of the file is checked.\n\n"
              "    parm w[n] ~ normal(0, 1)    # wrong\n"
              "    param w[n] ~ normal(0, 1)\n"},
    {"E0109", "Statement keywords, and or not in new true false, and the names of the reductions (sum mean prod max min\n"
              "argmax argmin logsumexp any all norm var std) cannot be names. Built-in functions can: a value may be\n"
              "called 'mse'. Left of '=' in a call or a train block every word may stand.\n\n"
              "    let mean = sum(x) / n       # wrong\n"
              "    let mu = mean(x)\n"},
    {"E0110", "Comparisons do not chain, for 'a < b < c' would compare a truth value with c.\n\n"
              "    assert 0 < x < 1            # wrong\n"
              "    assert 0 < x and x < 1\n"},
    {"E0111", "What 'loss', 'metric' or 'output' declares is a name, or a name with a bracket; an expression cannot be given\n"
              "a value.\n\n"
              "    metric a + b = 3            # wrong\n"
              "    metric c = a + b\n"},
    {"E0112", "A function's block holds 'let' and 'scan' and ends with its value; a scan's block holds 'let' only. What is\n"
              "reported or learnt is declared in the file.\n\n"
              "    fn f(x) { metric m = sum(x); x }    # wrong\n"
              "    metric m = sum(x)\n"},
    {"E0113", "The last line of a function's block is its value, an expression without a keyword; no other line is one.\n\n"
              "    fn f(x) { let y = x^2 }     # wrong\n"
              "    fn f(x) { let y = x^2; y }\n"},
    {"E0114", "A vjp rule has one cotangent, shaped as the function's value, and one expression for each real argument\n"
              "without default.\n\n"
              "    fn q(x) = round(x) vjp (dy, dz) = dy     # wrong\n"
              "    fn q(x) = round(x) vjp (dy) = dy\n"},
    {"E0115", "Said twice: 'precision', the batch dim and 'train' stand at most once in a model, a setting once in the train\n"
              "block, a clause once in its statement. The first one counts.\n\n"
              "    data X[n] : scaled from columns 0:4 from columns 5:8     # wrong\n"},
    {"E0116", "'k in K' stands in the brackets of a let or output, where the axes of the value are named, and in those of a\n"
              "reduction. The brackets of data, param and arguments take dims and sizes; slices and 'new' read a value.\n\n"
              "    let y = x[i in n]           # wrong\n"
              "    let y[i in n] = x[i]\n"},
    {"E0118", "The precision of a model is f32 or f64.\n\n"
              "    precision double            # wrong\n"
              "    precision f64\n"},
    {"E0201", "Nothing of this name is declared here. Names are declared before they are used; index variables and the names\n"
              "of a function or its block end where it ends. Near names are suggested.\n\n"
              "    param bias = 0\n"
              "    let y = x + bais            # wrong\n"},
    {"E0202", "Dims, values, functions, losses, metrics and outputs share one namespace, and a name is declared once. An index\n"
              "variable may not repeat an enclosing one, and a function may not take the name of a built-in one.\n\n"
              "    param shift = 0\n"
              "    let shift = mean(y)         # wrong\n"
              "    let centre = mean(y)\n"},
    {"E0203", "In 'x @ W' the last axis of x and the first of W (the only one, when W is a vector) must have the same name or\n"
              "provably the same size. '@' takes vectors and matrices, and x of any rank with a matrix W; for anything else\n"
              "use index notation.\n\n"
              "    data X[n, f]\n"
              "    param W[h, f] ~ glorot()\n"
              "    let a = X @ W               # wrong: f is not h\n"
              "    let a = X @ W'\n"},
    {"E0204", "Two values combine when, aligned at the right, each pair of axes has the same name or provably the same size, or\n"
              "one value lacks the leading axes. Nothing stretches by itself, not even an axis of length 1: an axis made by\n"
              "'new' does.\n\n"
              "    let D = X - offset          # wrong: [n, f] and [n]\n"
              "    let D = X - offset[:, new]\n"},
    {"E0205", "A scalar is needed here and the value has axes. A loss and a metric are single numbers, and so are the value\n"
              "that 'grad' differentiates and a hyper's default.\n\n"
              "    loss (X @ w - y)^2          # wrong: one number a row\n"
              "    loss mean((X @ w - y)^2)\n"},
    {"E0206", "A function was given too few or too many arguments. Those with a default may be left out.\n\n"
              "    loss mse(fitted)            # wrong\n"
              "    loss mse(fitted, y)\n"},
    {"E0207", "No function of this name is built in, declared above or imported. 'name(' always means a function; a product\n"
              "needs its '*'.\n\n"
              "    output p = sofmax(z)        # wrong\n"
              "    output p = softmax(z)\n"},
    {"E0208", "The function has no argument of this name, or it was given already.\n\n"
              "    softmax(z, ovr = c)         # wrong\n"
              "    softmax(z, over = c)\n"},
    {"E0209", "An index leaves its axis for some value of the index variables. Indices run from 0 to the size less 1; only a\n"
              "negative literal counts from the end. A part that is not reached, behind 'where', 'and' or 'or', is not read.\n\n"
              "    let d[t in L] = x[t + 1] - x[t]         # wrong at t = L - 1\n"
              "    let d[t in L - 1] = x[t + 1] - x[t]\n"},
    {"E0210", "More indices than the value has axes, or fewer where an element is meant.\n\n"
              "    sum[k in f] W[k]            # W[f, h]: a row for each k\n"
              "    sum[k in f] W[k, j]\n"},
    {"E0211", "A value of another type is needed: indices are ints, conditions are bool or int (write 'x != 0' of a real), class\n"
              "labels are 'index(c)'. '/' gives a real, '//' an int.\n\n"
              "    l[k / 2]                    # wrong\n"
              "    l[k // 2]\n"},
    {"E0212", "The bracket of a let or output states the shape of its value, and the value has another one.\n\n"
              "    let z[n, h] = X @ W         # wrong when W is [f, c]\n"
              "    let z[n, c] = X @ W\n"},
    {"E0213", "Nothing tells how long this dim is. A dim needs an axis of a data array, an 'index(dim)' array, '= e' or -D.\n\n"
              "    dim hidden                  # wrong when only params have it\n"
              "    dim hidden = 16\n"},
    {"E0214", "A size is an int of at least 1, made of numbers and dims; whole numbers stay below 2^63, and none is divided by 0.\n\n"
              "    dim width = 2.5             # wrong\n"
              "    dim width = 2\n"},
    {"E0215", "'over' names an axis that the value does not have, or has twice. Axes are named by dims, or counted: 0 is the\n"
              "first, -1 the last.\n\n"
              "    sum(logits, over = f)       # wrong when logits is [n, c]\n"
              "    sum(logits, over = c)\n"},
    {"E0216", "A recurrence reads itself one step back along its first index, and starts 'from' a value of the shape of one\n"
              "step. To look further back carry another state.\n\n"
              "    let h[t in T] = a * h[t-1]              # wrong: where does it start?\n"
              "    let h[t in T] from 0 = a * h[t-1] + x[t]\n"},
    {"E0217", "No derivative is known here: the operation is computed at load from data alone, or what it is taken in is not a\n"
              "param, hyper, real data array, let, argument or local.\n\n"
              "    loss sum(lowrank(B, 2)^2)   # wrong when B is a param\n"
              "    grad(s, 2 * x)              # wrong: name what you differentiate in\n"},
    {"E0218", "The name is declared further down. But for the names of a scan's block, a declaration stands above its uses.\n\n"
              "    loss mse(fitted, y)         # wrong\n"
              "    let fitted = X @ w\n"},
    {"E0219", "A function may not call itself, not even by way of another. A loop over steps is a recurrence.\n\n"
              "    let f[k in n] from 1 = k * f[k-1]\n"},
    {"E0220", "The clause does not exist, or not for this statement, or two clauses contradict each other. data: index(c) bool\n"
              "int centered scaled missing from. param: positive in(a, b) ordered simplex frozen.\n\n"
              "    data X[n, f] : scald        # wrong\n"
              "    data X[n, f] : scaled\n"},
    {"E0221", "A param needs its initial value, exactly one: a draw or a fill.\n\n"
              "    param W[f, h]               # wrong\n"
              "    param W[f, h] ~ glorot()\n"
              "    param b[h] = 0\n"},
    {"E0222", "There is nothing to learn: a model with a param that can learn needs a loss, and each loss must depend on such a\n"
              "param by a path that has a derivative. 'stop', 'round', comparisons and integers have none.\n\n"
              "    loss mean(round(X @ w) - y) # wrong: no gradient\n"},
    {"E0223", "The constraint cannot hold: 'in(a, b)' needs a < b, 'ordered' and 'simplex' act along a last axis, and a fill must\n"
              "satisfy its constraint.\n\n"
              "    param p = 0.5 : in(1, 0)    # wrong\n"
              "    param p = 0.5 : in(0, 1)\n"},
    {"E0224", "An array must have fewer than 2^63 elements.\n\n"
              "    dim huge = 4000000000\n"
              "    param C[huge, huge, huge] = 0   # wrong\n"},
    {"E0225", "The imported file is missing, cannot be read, or imports itself. A path is relative to the file that names it,\n"
              "or to a directory of -I.\n\n"
              "    import \"layers.ad\"\n"},
    {"E0226", "This is computed once, when the data is loaded, so it may depend on data and numbers only, not on a param.\n\n"
              "    lowrank(A, rank)            # A is data\n"},
    {"E0301", "The train block has no such setting. Settings: {settings}.\n\n"
              "    train { epoch = 10 }        # wrong\n"
              "    train { epochs = 10 }\n"},
    {"E0302", "A setting has a value of another type, or one that cannot be.\n\n"
              "    train { split = 0.8 }               # wrong\n"
              "    train { split = [0.8, 0, 0.2] }\n"},
    {"E0303", "There is no such optimiser or schedule, or it has no such argument. Optimisers: sgd adam adamw rmsprop adagrad\n"
              "lbfgs lm. Schedules: constant cosine step exponential linear.\n\n"
              "    train { optimizer = rmsporp() }     # wrong\n"
              "    train { optimizer = rmsprop() }\n"},
    {"E0304", "lm() is the method of Levenberg and Marquardt: it needs to see the residuals, so the loss must be a sum or mean of\n"
              "squares.\n\n"
              "    loss mean(abs(X @ w - y))   # wrong for lm()\n"
              "    loss mean((X @ w - y)^2)\n"},
    {"E0901", "The language allows this, but this version of adc does not handle it yet. No wrong code is made: the model is\n"
              "refused at the place that needs it.\n"},
    {"batch-sum", "The loss adds a sum over the batch dim to something that is not one. With mini-batches the sum shrinks with the\n"
              "batch while the rest does not, so their balance depends on the batch size. Use a mean, or scale the sum by\n"
              "total(n) / n.\n\n"
              "    loss sum((X @ w - y)^2) + ridge * sum(w^2)      # the warning\n"
              "    loss mean((X @ w - y)^2) + ridge * sum(w^2)\n"},
    {"missing", "A data array is 'missing' and the model never asks for its mask. A missing cell reads as 0, which is then fitted\n"
              "as if it were data.\n\n"
              "    loss mse(U @ V, A)                          # the warning\n"
              "    loss sum(mask(A) * (U @ V - A)^2)\n"},
    {"log-of", "The logarithm of a named softmax or sigmoid. Where the probability rounds to 0 its logarithm is -inf and has no\n"
              "gradient. Written in one expression adc takes the stable form by itself; of a name it takes what the name holds.\n\n"
              "    let p = softmax(z)\n"
              "    loss -mean(sum(t * log(p), over = c))           # the warning\n"
              "    loss -mean(sum(t * log_softmax(z), over = c))\n"},
};

static const Entry *find(const char *code)
{
    if (strncmp(code, "-W", 2) == 0)
        code += 2;
    bool lower = code[0] == 'e' && strlen(code) == 5;         /* e0203 */
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        if (strcmp(entries[i].code, code) == 0 || (lower && *entries[i].code == 'E' && strcmp(entries[i].code + 1, code + 1) == 0))
            return &entries[i];
    return NULL;
}

const char *explain(const char *code)
{
    const Entry *entry = find(code);
    return entry ? entry->text : NULL;
}

const char *explain_next(const char *code)
{
    const Entry *next = entries;
    if (code) {
        const Entry *entry = find(code);
        next = entry ? entry + 1 : NULL;
    }
    return next && next < entries + sizeof entries / sizeof *entries ? next->code : NULL;
}
