import os
import pathlib
import signal
import subprocess
import sys

import guest_words as g
from test_board import kernel, power, put

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"


def run(name, *args, **more):
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, args)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30,
        text=True, env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"), **more)


def test_mmio_device():
    done = run("mmio_device.py", "a text")
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("a text\nIt ran ")


def test_boot(tmp_path):
    image = tmp_path / "kernel.elf"
    image.write_bytes(kernel(put("booted\n"), power(3)))
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(4096))
    done = run("boot_linux.py", "--memory", 16, "--cpus", 2, "--append",
               "quiet", "--disk", disk, image, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (3, "booted\n")


def test_boot_time_limit(tmp_path):
    image = tmp_path / "kernel.elf"
    image.write_bytes(kernel(g.loop()))
    done = run("boot_linux.py", "--timeout", 0.2, "--stats", image,
               stdin=subprocess.DEVNULL)
    assert done.returncode == 124, done.stdout
    assert "VcpuStats" in done.stdout


def test_boot_ctrl_c(tmp_path):
    image = tmp_path / "kernel.elf"
    image.write_bytes(kernel(put("up\n"), g.loop()))
    with subprocess.Popen(
            [sys.executable, str(EXAMPLES / "boot_linux.py"), str(image)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
