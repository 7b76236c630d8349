/*
 * ray.c - a small ray tracer in double precision: spheres over a chequered
 * floor, one lamp with shadows, three reflections.
 */
#include "bench.h"

#define WIDTH   64
#define HEIGHT  48
#define BOUNCES 3
#define FAR     1e9
#define NEAR    1e-6

struct vec {
    double x, y, z;
};
struct sphere {
    struct vec centre;
    double radius, bright, mirror;
};
struct hit {
    double distance, bright, mirror;
    struct vec normal;
};

static const struct sphere spheres[] = {
    { { 0, 1, 6 }, 1, 0.9, 0.35 },
    { { 2.25, 0.75, 5 }, 0.75, 0.6, 0.5 },
    { { -2, 0.625, 4.5 }, 0.625, 0.8, 0.125 },
    { { 0.75, 0.375, 3.5 }, 0.375, 1, 0.25 },
    { { -0.75, 2.5, 7.5 }, 0.875, 0.5, 0.75 },
};
#define SPHERES (sizeof(spheres) / sizeof(*spheres))
static const struct vec lamp = { 4, 6, -1 };

static struct vec add_scaled(struct vec a, double k, struct vec b)
{
    return (struct vec){ a.x + k * b.x, a.y + k * b.y, a.z + k * b.z };
}

static double dot(struct vec a, struct vec b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static struct vec unit(struct vec a)
{
    double k = 1.0 / bench_sqrt(dot(a, a));

    return (struct vec){ a.x * k, a.y * k, a.z * k };
}

/* How far along the ray the sphere is; FAR when it is not met. */
static double meet(const struct sphere *s, struct vec from, struct vec to)
{
    struct vec away = add_scaled(from, -1.0, s->centre);
    double b = dot(away, to);
    double c = dot(away, away) - s->radius * s->radius;
    double square = b * b - c, root;

    if (square < 0)
        return FAR;
    root = bench_sqrt(square);
    if (-b - root > NEAR)
        return -b - root;
    return -b + root > NEAR ? -b + root : FAR;
}

static NOINLINE int nearest(struct vec from, struct vec to, struct hit *hit)
{
    const struct sphere *found = NULL;
    double best = FAR;

    for (size_t i = 0; i < SPHERES; i++) {
        double d = meet(&spheres[i], from, to);

        if (d < best) {
            best = d;
            found = &spheres[i];
        }
    }
    if (to.y < -NEAR && from.y / -to.y < best) {
        struct vec p;
        int square;

        best = from.y / -to.y;
        p = add_scaled(from, best, to);
        square = (int)(p.x + 1000) + (int)(p.z + 1000);
        *hit =
            (struct hit){ best, square & 1 ? 0.75 : 0.25, 0.125, { 0, 1, 0 } };
        return 1;
    }
    if (!found)
        return 0;
    *hit = (struct hit){ best, found->bright, found->mirror,
                         unit(add_scaled(add_scaled(from, best, to), -1.0,
                                         found->centre)) };
    return 1;
}

static int in_shadow(struct vec from, struct vec to, double lamp_distance)
{
    for (size_t i = 0; i < SPHERES; i++)
        if (meet(&spheres[i], from, to) < lamp_distance)
            return 1;
    return 0;
}

static double trace(struct vec from, struct vec to)
{
    double light = 0, weight = 1;

    for (int bounce = 0; bounce <= BOUNCES; bounce++) {
        struct vec point, to_lamp;
        struct hit hit;
        double distance, facing;

        if (!nearest(from, to, &hit))
            return light + weight * (0.25 + 0.25 * to.y);
        point = add_scaled(from, hit.distance, to);
        point = add_scaled(point, 1e-5, hit.normal);
        to_lamp = add_scaled(lamp, -1.0, point);
        distance = bench_sqrt(dot(to_lamp, to_lamp));
        to_lamp = unit(to_lamp);
        facing = dot(to_lamp, hit.normal);
        if (facing < 0 || in_shadow(point, to_lamp, distance))
            facing = 0;
        light += weight * (1 - hit.mirror) * hit.bright * (0.125 + facing);
        weight *= hit.mirror;
        from = point;
        to = add_scaled(to, -2.0 * dot(to, hit.normal), hit.normal);
    }
    return light;
}

BENCH("ray", 60)
{
    uint64_t h = 0;

    for (unsigned long r = 0; r < reps; r++) {
        struct vec eye = { (double)(r & 7) * 0.125, 1.5, -2 };
        double sum = 0;

        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++) {
                struct vec to = { (x - WIDTH / 2) * (1.0 / 48),
                                  (HEIGHT / 2 - y) * (1.0 / 48), 1 };

                sum += trace(eye, unit(to));
            }
        h = mixd(h, sum);
    }
    return h;
}
