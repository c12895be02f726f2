#!/usr/bin/env python3
"""Runs the conformance cases against an adc executable. Standard library only.

    run.py --adc build/adc [--root DIR] [--keep DIR] [--jobs N] [--only good|bad] [NAME ...]

good: cases/NAME/ (model.ad, data/*.npy, init.safetensors, expect.json, expect/*.npy)
    adc build model.ad -o exe [-D dim=value]
    exe eval --init init.safetensors --data X=data/X.npy ... [--set h=v] --grad W=grad_W.npy ... --out p=out_p.npy ...
        prints the loss and the metrics as 'name value' lines; gradients and outputs are compared array by array
    exe train --init init.safetensors ... --optimizer "sgd(lr=0.01)" --steps N --model trained.safetensors, then eval with --init trained.safetensors
bad: bad/NAME.ad, whose '#! LINE error: word, "a phrase"' lines say what 'adc check' must report: each at its line, mentioning the words
    (in the message or its notes and hints, quoted source lines aside), exit status 1 for errors and 0 for warnings, and no error at any other line.

Prints one line per failure and, last, 'N passed, N failed'.
"""
import argparse, ast, concurrent.futures, json, math, os, re, shutil, struct, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def read_npy(path):
    with open(path, 'rb') as f:
        raw = f.read()
    if raw[:6] != b'\x93NUMPY':
        raise ValueError(f'{os.path.basename(path)} is not an NPY file')
    size, at = (struct.unpack('<H', raw[8:10])[0], 10) if raw[6] == 1 else (struct.unpack('<I', raw[8:12])[0], 12)
    head = ast.literal_eval(raw[at:at + size].decode('latin1'))
    code = {'f8': 'd', 'f4': 'f', 'i8': 'q', 'i4': 'i', 'b1': '?'}[head['descr'][1:]]
    n = math.prod(head['shape'])
    values = struct.unpack(f'<{n}{code}', raw[at + size:at + size + n * struct.calcsize(code)])
    if head['fortran_order'] and len(head['shape']) > 1:
        raise ValueError('Fortran order')
    return tuple(head['shape']), [float(v) for v in values]


def run(cmd, cwd, seconds=240):
    try:
        r = subprocess.run(cmd, cwd=cwd, capture_output=True, text=True, errors='replace', timeout=seconds, stdin=subprocess.DEVNULL)
        return r.returncode, r.stdout, r.stderr
    except subprocess.TimeoutExpired:
        return 124, '', f'no answer in {seconds} s'


def first(text):
    lines = [l for l in text.strip().splitlines() if l.strip()]
    return lines[0][:200] if lines else '(no message)'


def printed(out):
    values = {}
    for line in out.splitlines():
        w = line.split()
        if len(w) >= 2:
            try:
                values.setdefault(w[0], float(w[1]))
            except ValueError:
                pass
    return values


def close(a, b, tol, scale=0.0):
    return a == b or abs(a - b) <= tol * max(abs(b), scale, 1e-300)


def gradient_floor(here, e):
    """A gradient that is exactly 0 comes out as the rounding of what cancelled in it, on either side."""
    arrays = [read_npy(f'{here}/expect/grad_{k}.npy')[1] for k in e['grad']]
    return 1e-5 * max([abs(v) for a in arrays for v in a if math.isfinite(v)], default=0.0)


def good(adc, here, work):
    """None when the case holds, else why not."""
    e = json.load(open(os.path.join(here, 'expect.json')))
    exe = os.path.join(work, 'exe')
    code, out, err = run([adc, 'build', os.path.join(here, 'model.ad'), '-o', exe] + [f'-D{k}={v}' for k, v in e['dims'].items()], work)
    if code:
        return f'adc build: exit {code}: {first(err)}'
    if err.strip() and 'error' in err:
        return f'adc build: {first(err)}'
    common = [a for k in e['data'] for a in ('--data', f'{k}={here}/data/{k}.npy')]
    common += [a for k, v in e['sets'].items() for a in ('--set', f'{k}={v}')] + e['args']
    cmd = [exe, 'eval', '--init', f'{here}/init.safetensors'] + common
    cmd += [a for k in e['grad'] for a in ('--grad', f'{k}={work}/grad_{k}.npy')]
    cmd += [a for k in e['outputs'] for a in ('--out', f'{k}={work}/out_{k}.npy')]
    code, out, err = run(cmd, work)
    if code:
        return f'eval: exit {code}: {first(err)}'
    values, tol = printed(out), e['tol']
    for name, want in [(e['loss_name'], e['loss'])] + list(e['metrics'].items()):
        if name not in values:
            return f"eval printed no '{name}'"
        if not close(values[name], want, tol, 1e-6):
            return f'{name} is {values[name]!r}, not {want!r}'
    for kind, names in (('grad', e['grad']), ('out', e['outputs'])):
        for k in names:
            shape, want = read_npy(f'{here}/expect/{kind}_{k}.npy')
            try:
                got_shape, got = read_npy(f'{work}/{kind}_{k}.npy')
            except (OSError, ValueError, KeyError) as x:
                return f'{kind} {k}: {x}'
            if got_shape != shape:
                return f'{kind} {k} has shape {got_shape}, not {shape}'
            scale = max([abs(v) for v in want if math.isfinite(v)], default=0.0)
            scale = max(scale, gradient_floor(here, e)) if kind == 'grad' else scale
            for i, (a, b) in enumerate(zip(got, want)):
                if not (close(a, b, tol, scale) or (math.isnan(a) and math.isnan(b))):
                    return f'{kind} {k}, element {i} of shape {shape}: {a!r}, not {b!r}'
    t = e.get('train')
    if t:
        code, out, err = run([exe, 'train', '--init', f'{here}/init.safetensors'] + common +
                             ['--optimizer', t['optimizer'], '--steps', str(t['steps']), '--model', f'{work}/trained.safetensors'], work)
        if code:
            return f'train: exit {code}: {first(err)}'
        code, out, err = run([exe, 'eval', '--init', f'{work}/trained.safetensors'] + common, work)
        if code:
            return f'eval of the trained model: exit {code}: {first(err)}'
        got = printed(out).get(e['loss_name'], math.nan)
        if not close(got, t['loss'], max(tol, 1e-8), 1e-6):
            return f"loss after {t['steps']} steps of {t['optimizer']} is {got!r}, not {t['loss']!r}"
    return None


def bad(adc, path, work):
    want = []
    for line in open(path, errors='replace'):
        m = re.match(r'#! (\d+) (error|warning): (.*)', line)
        if m:
            want.append((int(m[1]), m[2], [w.strip().strip('"') for w in re.findall(r'"[^"]*"|[^,]+', m[3]) if w.strip()]))
    shutil.copy(path, os.path.join(work, 'm.ad'))      # the file's own name would hold the words looked for
    code, out, err = run([adc, 'check', 'm.ad'], work)
    status = 1 if any(k == 'error' for _, k, _ in want) else 0
    if not want or code != status:
        return f'exit {code}, not {status}: {first(err)}'
    found, block = [], None
    for line in err.splitlines():
        m = re.match(r'(?:.*/)?m\.ad:(\d+)(?::\d+)?: (?:fatal )?(error|warning)\b', line)
        if m:
            block = [int(m[1]), m[2], '']
            found.append(block)
        if block and not re.match(r'\s*\d+ \|', line):
            block[2] += line.lower() + '\n'
    for at, kind, words in want:
        here = [b for b in found if b[0] == at and b[1] == kind]
        if not here:
            return f'no {kind} at line {at}; ' + (', '.join(f'{b[1]} at {b[0]}' for b in found[:4]) or first(err))
        if not any(all(w.lower() in b[2] for w in words) for b in here):
            missing = [w for w in words if not any(w.lower() in b[2] for b in here)]
            return f'the {kind} at line {at} does not mention {missing or words}: {first(here[0][2])}'
    lines = {at for at, kind, _ in want}
    extra = [b for b in found if b[1] == 'error' and b[0] not in lines]
    return f'an error too many, at line {extra[0][0]}: {first(extra[0][2])}' if extra else None


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--adc', default=os.environ.get('ADC', 'adc'))
    a.add_argument('--root', default=HERE)
    a.add_argument('--keep')
    a.add_argument('--jobs', type=int, default=2)
    a.add_argument('--only', choices=['good', 'bad'])
    a.add_argument('names', nargs='*')
    o = a.parse_args()
    adc = os.path.abspath(shutil.which(o.adc) or o.adc)
    root = os.path.abspath(o.root)
    jobs = []
    if o.only != 'bad':
        d = os.path.join(root, 'cases')
        jobs += [('good', n, os.path.join(d, n)) for n in sorted(os.listdir(d) if os.path.isdir(d) else [])]
    if o.only != 'good':
        d = os.path.join(root, 'bad')
        jobs += [('bad', n, os.path.join(d, n)) for n in sorted(os.listdir(d) if os.path.isdir(d) else []) if n.endswith('.ad')]
    if o.names:
        jobs = [j for j in jobs if j[1].removesuffix('.ad') in o.names]
    top = o.keep or tempfile.mkdtemp(prefix='conformance')

    def one(job):
        kind, name, path = job
        work = os.path.join(top, kind, name)
        os.makedirs(work, exist_ok=True)
        try:
            return job, (good if kind == 'good' else bad)(adc, path, work)
        except Exception as x:                       # a defect of this script or of the case, not a pass
            return job, f'{type(x).__name__}: {x}'

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        for (kind, name, _), why in pool.map(one, jobs):
            if why:
                failed += 1
                print(f'{kind} {name}: {why}', flush=True)
    if not o.keep:
        shutil.rmtree(top, ignore_errors=True)
    print(f'{len(jobs) - failed} passed, {failed} failed')
    return 1 if failed or not jobs else 0


if __name__ == '__main__':
    sys.exit(main())
