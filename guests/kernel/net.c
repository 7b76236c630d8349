/*
 * net.c - virtio network device and a small protocol of raw Ethernet frames, so
 * that VMs can find each other and exchange checked packets:
 *   HELLO  to everybody: I am here, number so-and-so
 *   ECHO   to one: sequence number and a pattern; comes back as REPLY
 *   DONE   to one: I need nothing more from you
 * A VM answers until all the others it met are done.
 */
#include "kernel.h"

#define F_MAC     5
#define ETHERTYPE 0x88b5 /* for local experiments */
#define MAGIC     0x44534331
#define MAX_PEERS 8
#define BUFFERS   8
#define FRAME_MAX 1514
#define FRAME_MIN 60
#define PATIENCE  (10 * TICKS_1S)

enum { HELLO = 1, ECHO, REPLY, DONE };

struct frame {
    uint8_t to[6], from[6];
    uint16_t ethertype;
    uint16_t kind;
    uint32_t magic;
    uint32_t vm;
    uint32_t sequence;
    uint32_t bytes; /* of data */
    uint8_t data[FRAME_MAX - 32];
};
#define FRAME_HEAD offsetof(struct frame, data)

/* virtio's header in front: no offloads, so only zeros. */
struct buffer {
    uint8_t virtio[12];
    struct frame frame;
    uint8_t spare[2048 - 12 - sizeof(struct frame)];
};

struct peer {
    uint8_t mac[6];
    uint32_t vm;
    uint32_t done;
};

static struct {
    struct virtq_memory rx_rings, tx_rings;
    struct buffer rx_data[BUFFERS], tx_data;
    struct virtq rx, tx;
    volatile uint32_t active; /* slot + 1 */
    uint8_t mac[6];
    uint32_t vm;
    struct peer peers[MAX_PEERS];
    uint32_t npeers;
    uint32_t want; /* sequence number of the reply waited for, 0 = none */
    uint32_t want_bytes;
    uint32_t answered, wrong;
    uint64_t bytes;
} net;

void net_interrupt(void)
{
    uint32_t slot = net.active - 1;

    if (net.active && intc_pending(0) & 1u << (DISCO_BOARD_IRQ_VIRTIO + slot))
        vio_write(slot, VIO_ISR_ACK, vio_read(slot, VIO_ISR));
}

static uint8_t pattern(uint32_t sequence, uint32_t i)
{
    return (uint8_t)(sequence * 31 + i * 7 + (i >> 8));
}

static void send(const uint8_t *to, uint16_t kind, uint32_t sequence,
                 uint32_t bytes)
{
    struct frame *f = &net.tx_data.frame;
    uint32_t total = FRAME_HEAD + bytes, first, used;
    struct virtq_part part = { &net.tx_data, 0, 0 };

    memcpy(f->to, to, 6);
    memcpy(f->from, net.mac, 6);
    f->ethertype = ETHERTYPE;
    f->kind = kind;
    f->magic = MAGIC;
    f->vm = net.vm;
    f->sequence = sequence;
    f->bytes = bytes;
    for (uint32_t i = 0; i < bytes; i++)
        f->data[i] = pattern(sequence, i);
    part.bytes = 12 + (total < FRAME_MIN ? FRAME_MIN : total);
    virtq_put(&net.tx, 0, &part, 1);
    virtq_notify(&net.tx);
    for (uint32_t start = this_cpu()->ticks;
         !virtq_take(&net.tx, &first, &used);)
        if (this_cpu()->ticks - start > PATIENCE)
            return;
}

static struct peer *find_peer(const struct frame *f)
{
    struct peer *p;

    for (uint32_t i = 0; i < net.npeers; i++)
        if (memcmp(net.peers[i].mac, f->from, 6) == 0)
            return &net.peers[i];
    if (net.npeers == MAX_PEERS)
        return NULL;
    p = &net.peers[net.npeers++];
    memcpy(p->mac, f->from, 6);
    p->vm = f->vm;
    p->done = 0;
    return p;
}

static int sound(const struct frame *f, uint32_t bytes)
{
    if (bytes < FRAME_HEAD || f->ethertype != ETHERTYPE || f->magic != MAGIC)
        return 0;
    return f->bytes <= sizeof f->data && f->bytes + FRAME_HEAD <= bytes;
}

static void take_reply(const struct frame *f)
{
    if (!net.want || f->sequence != net.want)
        return; /* an answer to a repetition */
    for (uint32_t i = 0; i < f->bytes; i++)
        if (f->data[i] != pattern(f->sequence, i)) {
            net.wrong++;
            break;
        }
    net.wrong += f->bytes != net.want_bytes;
    net.bytes += f->bytes;
    net.answered++;
    net.want = 0;
}

static void take(const struct frame *f, uint32_t bytes)
{
    struct peer *p;

    if (!sound(f, bytes))
        return;
    p = find_peer(f);
    if (!p)
        return;
    if (f->kind == ECHO) {
        send(p->mac, REPLY, f->sequence, f->bytes);
    } else if (f->kind == REPLY) {
        take_reply(f);
    } else if (f->kind == DONE) {
        p->done = 1;
    }
}

static void give_buffer(uint32_t i)
{
    struct virtq_part part = { &net.rx_data[i], sizeof net.rx_data[i], 1 };

    virtq_put(&net.rx, i, &part, 1);
}

/* Serve what has arrived. */
static void poll(void)
{
    uint32_t i, bytes, any = 0;

    while (virtq_take(&net.rx, &i, &bytes)) {
        if (i < BUFFERS && bytes >= 12)
            take(&net.rx_data[i].frame, bytes - 12);
        give_buffer(i % BUFFERS);
        any = 1;
    }
    if (any)
        virtq_notify(&net.rx);
}

/* A short while of polling, then sleep until something happens. */
static void pause(void)
{
    for (uint32_t i = 0; i < 2000; i++)
        if (le16(READ_ONCE(net.rx.mem->used.index)) != net.rx.used)
            return;
    irq_off();
    wait_interrupt();
    irq_on();
}

/* Say HELLO once a tick until `others` have said it too, or time is over. */
static void meet(uint32_t others, uint32_t limit)
{
    static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
    uint32_t start = this_cpu()->ticks, last = start - 1;

    while (net.npeers < others && this_cpu()->ticks - start < limit) {
        if (this_cpu()->ticks != last) {
            last = this_cpu()->ticks;
            send(all, HELLO, 0, 0);
        }
        poll(); /* no sleep: time must not run ahead of the other VMs */
    }
    send(all, HELLO, 0, 0);
}

static void echo(const struct peer *p, uint32_t round)
{
    uint32_t start = this_cpu()->ticks, last = start;

    net.want = (p->vm << 16 | round) + 1;
    net.want_bytes = (round * 173 + 20) % sizeof(net.tx_data.frame.data);
    send(p->mac, ECHO, net.want, net.want_bytes);
    while (net.want && this_cpu()->ticks - start < PATIENCE) {
        poll();
        if (!net.want)
            break;
        pause();
        if (this_cpu()->ticks - last >= TICKS_1S) {
            last = this_cpu()->ticks;
            send(p->mac, ECHO, net.want, net.want_bytes);
        }
    }
}

/* Tell the others and answer them until they are done as well. */
static void part(void)
{
    uint32_t start = this_cpu()->ticks, last = start - 1, waiting;

    do {
        waiting = 0;
        for (uint32_t i = 0; i < net.npeers; i++) {
            waiting += !net.peers[i].done;
            if (this_cpu()->ticks != last)
                send(net.peers[i].mac, DONE, 0, 0);
        }
        last = this_cpu()->ticks;
        poll();
        if (waiting)
            pause();
    } while (waiting && this_cpu()->ticks - start < PATIENCE);
    /* One that missed it hears it again. */
    for (uint32_t i = 0; i < net.npeers; i++)
        send(net.peers[i].mac, DONE, 0, 0);
}

static int start(uint32_t slot)
{
    if (!vio_start(slot, 1ul << F_MAC) ||
        vio_queue(slot, 0, &net.rx, &net.rx_rings) != 0 ||
        vio_queue(slot, 1, &net.tx, &net.tx_rings) != 0)
        return -1;
    for (uint32_t i = 0; i < 6; i++)
        net.mac[i] = io_read8(vio_base(slot) + VIO_CONFIG + i);
    for (uint32_t i = 0; i < BUFFERS; i++)
        give_buffer(i);
    net.active = slot + 1;
    intc_unmask(0, 1u << (DISCO_BOARD_IRQ_VIRTIO + slot));
    vio_ready(slot);
    virtq_notify(&net.rx);
    return 0;
}

static void exchange(void)
{
    uint32_t rounds = (uint32_t)option_value("rounds", 32);
    long vms = option_value("vms", 0);
    uint32_t others = vms > 0 ? (uint32_t)vms - 1 : 1, met, want;

    meet(others < MAX_PEERS ? others : MAX_PEERS,
         vms > 1 ? 10 * TICKS_1S : TICKS_1S / 2);
    met = net.npeers;
    expect(vms < 2 || met >= others, "another VM did not answer");
    for (uint32_t i = 0; i < met; i++)
        for (uint32_t r = 0; r < rounds; r++)
            echo(&net.peers[i], r);
    part();
    want = met * rounds;
    if (!met) {
        print("net: nobody else there\n");
        return;
    }
    expect(net.answered == want && !net.wrong, "packets were lost or wrong");
    print("net: met %u other VM%s, %u of %u echoes came back, %lu bytes, "
          "%u wrong\n",
          met, met == 1 ? "" : "s", net.answered, want, net.bytes, net.wrong);
}

void check_net(void)
{
    for (uint32_t s = 0; s < DISCO_BOARD_VIRTIO_SLOTS; s++) {
        if (vio_probe(s) != VIO_ID_NET)
            continue;
        if (start(s) != 0) {
            expect(0, "the network device refuses its driver");
            return;
        }
        net.vm = (uint32_t)option_value("vm", net.mac[5]);
        exchange();
        net.active = 0;
        vio_write(s, VIO_STATUS, 0);
        return;
    }
    print("net: none\n");
}
