/*
 * backends/device.h: from a cascade to an image: what the targets rdu and pim share.
 *
 * In:   a job after its passes. Out: groups with mappings, the pinned cascade cut into steps (a group that the device runs, or
 *       a run of items for the host), an image with a row of TENS for every tensor that crosses steps.
 * Keep: the host steps' cascades are parts of the pinned cascade, so the image computes what the pinned cascade says. A
 *       tensor whose pieces are written in several places is finished in one host step.
 */
#ifndef WEIR_BACKENDS_DEVICE_H
#define WEIR_BACKENDS_DEVICE_H

#include "backends/image_run.h"
#include "backends/job.h"
#include "isa/imagetext.h"
#include "passes/schedule.h"

#define DEVICE_NO_ROW UINT32_MAX

/* One step: `group` a number + 1 of job->groups, or 0: `items` of the pinned cascade for the host. */
typedef struct DeviceStep {
    uint32_t group;
    VEC(StatementId) items;
} DeviceStep;

typedef struct Device {
    Job *job;
    weir_context *cx;
    bool *on_device;  /* by group */
    VEC(DeviceStep) steps;
    uint32_t *owner;  /* by tensor of the pinned cascade: the only step that touches it + 1; 0 none, UINT32_MAX several */
    bool *touched;    /* by tensor of the pinned cascade: a group of the device reads or writes it */
    uint32_t host_tier;
    uint32_t *row;    /* by tensor of the pinned cascade: its row of TENS, or DEVICE_NO_ROW */
    Image image;
} Device;

/* The device's part of a target: which tier a tensor lies in, and the code of a group. */
typedef struct DeviceCode {
    ImageTarget target;
    uint32_t host_tier; /* of rows that only host steps touch */
    /* Is a group with this mapping within the device's memory and units? Called in order, once a group that a strategy proposed for. */
    bool (*accepts)(void *data, const Group *group);
    /* Emits a group: its rows, code, and steps of SCHED. */
    weir_status (*emit)(void *data, Device *device, const Group *group);
    weir_status (*finish)(void *data, Device *device); /* CODE from what was emitted */
    void *data;
} DeviceCode;

/* The last row of a device's strategies: the group runs on the machine's host side. */
Mapping *device_on_host(const Scheduling *s);
/* A definition at the top level, the only one of its tensor, at plain static ranks, f32 or bf16 without format. */
bool device_plain_target(const Cascade *cs, StatementId id);
/* A read that is affine in static ranks of a tensor without format. */
bool device_affine_read(const Cascade *cs, ExprId access);

/* Fuses, schedules with `table`, pins, cuts, emits; fills job->groups, pinned, device_share. */
MUST_USE weir_status device_compile(Job *job, const Strategy *table, uint32_t n, const DeviceCode *code, Device **out_device);

/* The row of a tensor, made if new: in tier 0 if the device touches it, else in the host's. */
uint32_t device_row(Device *device, TensorId tensor);
/* A row of the device's own with a fresh name, a constant where it has data (which stays); its tier, address and stride as given. */
uint32_t device_own_row(Device *device, const char *base, const char *layout, ImageTensor row);
/* DEBUG row: the statement that a unit or word comes from. */
void device_source(Device *device, uint32_t a, uint32_t b, StatementId statement);
/* Appends a step that runs items of such a copy on the host. */
void device_host_step(Device *device, Cascade *cs, uint32_t n, const StatementId *items);

/* Items of `cs`, a copy of the pinned cascade that may have tensors more, as a cascade of their own: what they read from
 * elsewhere is `in`, what leaves them (and every tensor that is more) `out`. */
void device_part(const Device *device, Cascade *cs, uint32_t n, const StatementId *items, const char *name);

/* Runs the job's image: `simulate` gives its own report. */
MUST_USE weir_status device_run(Job *job, const Device *device, weir_status (*simulate)(Job *job, ImageRun *run), Tensor *values,
                                Tensor *crossing);
/* Writes the image, prints it (--emit=image). */
MUST_USE weir_status device_write(const Device *device, const char *output);
bool device_emit(const Device *device, const char *what, Text *out);

#endif
