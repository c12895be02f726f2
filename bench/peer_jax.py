"""JAX, one thread, the whole training loop in one compiled function.

    python3 bench/peer_jax.py      a workload a line on standard input, seconds on standard output
"""
import os

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp

from data import centred, scaled, serve

jax.config.update("jax_enable_x64", True)


def descent(loss, lr, epochs):
    gradient = jax.grad(loss)

    def step(_, params):
        return jax.tree.map(lambda p, g: p - lr * g, params, gradient(params))
    return lambda params: jax.lax.fori_loop(0, epochs, step, params)


def factorise():
    A = jnp.asarray(centred())
    epochs = 20000
    run = jax.jit(descent(lambda p: jnp.sum((p[0] @ p[1] - A) ** 2), 0.01, epochs))
    keys = jax.random.split(jax.random.key(0))
    start = (jax.random.uniform(keys[0], (150, 2), jnp.float64), jax.random.uniform(keys[1], (2, 4), jnp.float64))

    def work():
        jax.block_until_ready(run(start))
        return epochs
    return work


def mlp_loss():
    X, y = (jnp.asarray(a) for a in scaled())

    def loss(p):
        logits = jax.nn.relu(X @ p[0] + p[2]) @ p[1] + p[3]
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1))
    return loss


def mlp_params(*lead):
    keys = jax.random.split(jax.random.key(0), 4)
    shapes = [(4, 12), (12, 3), (), ()]
    return [jax.random.uniform(k, lead + s, jnp.float32) for k, s in zip(keys, shapes)]


def mlp():
    epochs = 10000
    run = jax.jit(descent(mlp_loss(), jnp.float32(0.01), epochs))
    start = mlp_params()

    def work():
        jax.block_until_ready(run(start))
        return epochs
    return work


def restarts():
    run = jax.jit(jax.vmap(descent(mlp_loss(), jnp.float32(0.01), 100)))
    start = mlp_params(1000)

    def work():
        jax.block_until_ready(run(start))
        return 1
    return work


serve({"factorise": factorise, "mlp": mlp, "restarts": restarts})
