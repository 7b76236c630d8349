"""Memory management of Linux under load: more address spaces than the TLB has
ASIDs, mappings that come and go, files in memory.  What it computes is checked
against the same computed here.

usage: test_stress.py DISCO_RUN SOURCE BUILD [--slow]
"""

import hashlib
import sqlite3
import sys

sys.dont_write_bytecode = True
import guest  # noqa: E402

# Forks and execs past the 256 ASIDs of every CPU, several at a time.
FORKS = """
for j in 1 2 3 4; do (
    i=0
    while [ $i -lt 70 ]; do
        i=$((i + 1))
        [ "$(/bin/busybox expr $i + $j)" = $((i + j)) ] || echo wrong $i $j
    done) & done
wait
out forks $(sed -n 's/^processes //p' /proc/stat)
"""

# Two programs that keep their memory while others come and go; not every guest
# has a data base.
SQL = """
which sqlite3 > /dev/null || sqlite3() { echo none; }
sqlite3 :memory: "create table t(a integer primary key, b int, c text);
with recursive n(i) as (select 1 union all select i+1 from n where i<%d)
insert into t select i, (i*7919)%%10007, hex(i*i) from n;
create index x on t(b);
update t set b=b+1 where a%%3=0;
delete from t where a%%5=0;
select count(*), sum(b), max(c), sum(length(c)) from t;" > /tmp/sql &
seq 1 %d | md5sum > /tmp/md5 &
wait
out sql $(cat /tmp/sql)
out md5 $(cut -c1-32 /tmp/md5)
"""

# Pages are mapped, changed, unmapped, and given back.
MEMORY = """
workload 4 20 | while read line; do out $line; done
mkdir /tmp/d
mount -t tmpfs -o size=64m none /tmp/d
i=0
while [ $i -lt 6 ]; do
    i=$((i + 1))
    seq $i 20000 > /tmp/d/a
    gzip < /tmp/d/a > /tmp/d/b
    cp /tmp/d/b /tmp/d/c$((i % 2))
    gunzip < /tmp/d/c$((i % 2)) | cmp - /tmp/d/a || echo wrong $i
    rm /tmp/d/a /tmp/d/b
done
umount /tmp/d
out memory done
"""

# The kernel's own mapped memory, which the whole machine shares: a file system
# on a loop device, and many pipes and terminals.
KERNEL = """
dd if=/dev/zero of=/tmp/img bs=1M count=8 2>/dev/null
mke2fs -F /tmp/img > /dev/null 2>&1
mkdir /tmp/m
i=0
while [ $i -lt 4 ]; do
    i=$((i + 1))
    mount -t ext4 -o loop /tmp/img /tmp/m
    seq $i 5000 > /tmp/m/f$i
    umount /tmp/m
done
mount -t ext4 -o loop,ro /tmp/img /tmp/m
out loop $(cat /tmp/m/f? | md5sum | cut -c1-32)
umount /tmp/m
"""


def sql_answer(rows):
    db = sqlite3.connect(":memory:")
    db.executescript("""
create table t(a integer primary key, b int, c text);
with recursive n(i) as (select 1 union all select i+1 from n where i<%d)
insert into t select i, (i*7919)%%10007, hex(i*i) from n;
update t set b=b+1 where a%%3=0;
delete from t where a%%5=0;""" % rows)
    row = db.execute("select count(*), sum(b), max(c), sum(length(c)) from t")
    answer = "|".join(str(value) for value in row.fetchone())
    db.close()
    return answer


def sequence(first, last):
    return "".join("%d\n" % i for i in range(first, last + 1)).encode()


def md5(data):
    return hashlib.md5(data).hexdigest()


class Stress(guest.Case):
    rows = 1500
    numbers = 20000

    def check(self, cpus, threads, *more):
        script = FORKS + SQL % (self.rows, self.numbers) + MEMORY + KERNEL
        with self.subTest(cpus=cpus, threads=threads, more=more):
            result = self.boot(script, "--cpus", cpus, "--threads", threads,
                               *more)
            out = dict(line.split(" ", 1) for line in result.out)
            self.assertNotIn("wrong", result.text)
            self.assertGreater(int(out["forks"]), 280)
            if out["sql"] != "none":
                self.assertEqual(out["sql"], sql_answer(self.rows))
            self.assertEqual(out["md5"], md5(sequence(1, self.numbers)))
            self.assertTrue(guest.is_workload_right("\n".join(result.out)))
            self.assertEqual(out["memory"], "done")
            self.assertEqual(out["loop"], md5(b"".join(
                sequence(i, 5000) for i in range(1, 5))))

    def test_exact(self):
        self.check(1, 1, "--mode", "exact")

    def test_disco(self):
        self.check(4, 2, "--mode", "disco")

    @guest.slow
    def test_all(self):
        for mode in ("exact", "disco"):
            for l2tlb in ("on", "off"):
                for cpus, threads in ((1, 1), (4, 1), (4, 4), (8, 2)):
                    self.check(cpus, threads, "--mode", mode, "--l2tlb", l2tlb)


if __name__ == "__main__":
    guest.main()
