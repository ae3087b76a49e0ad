#include "vfs/lossy.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/defs.h"

#define MAX_FILES 16
#define MAX_ENTRIES 64
#define MAX_REGIONS 64
#define NAME_BYTES 128
#define SECTOR_BYTES 512

/* ---- contents ---- */

struct bytes {
    unsigned char *p;
    size_t n, room;
};

/* One change since the last sync. */
struct change {
    bool truncate;
    size_t at, n; /* truncate: `at` is the new length */
    unsigned char *data;
};

struct inode {
    struct bytes now, durable;
    struct change *changes;
    size_t change_count, change_room;
    void *regions[MAX_REGIONS]; /* shared memory; gone after a cut */
    unsigned region_users;
    unsigned shared[SQLITE_SHM_NLOCK];
    const void *exclusive[SQLITE_SHM_NLOCK];
    unsigned readers;
    const void *reserved, *pending, *owner; /* file locks */
};

/* What a name meant after each change of the directory; inode -1: nothing. */
struct entry {
    char name[NAME_BYTES];
    int inode;
};

struct lossy {
    sqlite3_vfs vfs;
    uint64_t random, operations, cut_at, fail_at, fail_times;
    int fail_rc;
    bool cut;
    size_t limit;
    struct inode files[MAX_FILES];
    size_t file_count;
    struct entry entries[MAX_ENTRIES];
    size_t entry_count, entries_durable;
};

struct handle {
    sqlite3_file base;
    struct lossy *disk;
    struct inode *inode;
    int lock;
    bool sync_directory, delete_on_close;
    unsigned shm_shared; /* bits of slots */
    bool shm_used;
    char name[NAME_BYTES];
};

static uint64_t next_random(struct lossy *d)
{
    d->random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    uint64_t z = d->random;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void resize(struct bytes *b, size_t n)
{
    if (n > b->room) {
        size_t room = n < 65536 ? 65536 : n * 2;
        b->p = realloc(b->p, room);
        MUST(b->p);
        b->room = room;
    }
    if (n > b->n)
        memset(b->p + b->n, 0, n - b->n);
    b->n = n;
}

static void put_bytes(struct bytes *b, size_t at, const unsigned char *data, size_t n)
{
    if (n == 0)
        return;
    if (at + n > b->n)
        resize(b, at + n);
    memcpy(b->p + at, data, n);
}

static void copy_bytes(struct bytes *to, const struct bytes *from)
{
    to->n = 0;
    put_bytes(to, 0, from->p, from->n);
    to->n = from->n;
}

static void forget_changes(struct inode *f)
{
    for (size_t i = 0; i < f->change_count; i++)
        free(f->changes[i].data);
    f->change_count = 0;
}

static void remember(struct inode *f, struct change c, const void *data)
{
    if (f->change_count == f->change_room) {
        f->change_room = f->change_room ? f->change_room * 2 : 64;
        f->changes = realloc(f->changes, f->change_room * sizeof *f->changes);
        MUST(f->changes);
    }
    if (c.n) {
        c.data = malloc(c.n);
        MUST(c.data);
        memcpy(c.data, data, c.n);
    }
    f->changes[f->change_count++] = c;
}

/* ---- losing ---- */

/* Some sectors of a write arrive, and of one of them only the first bytes. */
static void tear(struct lossy *d, struct bytes *to, const struct change *c)
{
    for (size_t done = 0; done < c->n;) {
        size_t left = SECTOR_BYTES - (c->at + done) % SECTOR_BYTES;
        size_t n = left < c->n - done ? left : c->n - done;
        uint64_t luck = next_random(d) % 8;
        if (luck == 0)
            put_bytes(to, c->at + done, c->data + done, (size_t)(next_random(d) % n));
        else if (luck < 4)
            put_bytes(to, c->at + done, c->data + done, n);
        done += n;
    }
}

static void lose(struct lossy *d, struct inode *f)
{
    for (size_t i = 0; i < f->change_count; i++) {
        const struct change *c = &f->changes[i];
        uint64_t luck = next_random(d) % 3;
        if (luck == 0)
            continue;
        if (c->truncate)
            resize(&f->durable, c->at);
        else if (luck == 1)
            put_bytes(&f->durable, c->at, c->data, c->n);
        else
            tear(d, &f->durable, c);
    }
    forget_changes(f);
    copy_bytes(&f->now, &f->durable);
}

static void forget_sharing(struct inode *f)
{
    for (size_t i = 0; i < MAX_REGIONS; i++) {
        free(f->regions[i]);
        f->regions[i] = NULL;
    }
    memset(f->shared, 0, sizeof f->shared);
    memset(f->exclusive, 0, sizeof f->exclusive);
    f->region_users = 0;
    f->readers = 0;
    f->reserved = f->pending = f->owner = NULL;
}

void lossy_restart(struct lossy *d)
{
    size_t waiting = d->entry_count - d->entries_durable;
    d->entry_count = d->entries_durable + (waiting ? (size_t)(next_random(d) % (waiting + 1)) : 0);
    d->entries_durable = d->entry_count;
    for (size_t i = 0; i < d->file_count; i++) {
        lose(d, &d->files[i]);
        forget_sharing(&d->files[i]);
    }
    d->cut = false;
    d->cut_at = UINT64_MAX;
}

/* Counts an operation; SQLITE_OK when it is to be done. *last: it is the one at which the power goes. */
static int operation(struct lossy *d, bool *last)
{
    *last = false;
    if (d->cut)
        return SQLITE_IOERR;
    uint64_t now = d->operations++;
    if (now >= d->fail_at && now - d->fail_at < d->fail_times)
        return d->fail_rc;
    if (now == d->cut_at)
        *last = d->cut = true;
    return SQLITE_OK;
}

/* ---- the directory ---- */

static int find_name(const struct lossy *d, const char *name)
{
    for (size_t i = d->entry_count; i-- > 0;)
        if (strcmp(d->entries[i].name, name) == 0)
            return d->entries[i].inode;
    return -1;
}

/* Drops what later entries say again, where everything is durable. */
static void tidy_entries(struct lossy *d)
{
    if (d->entries_durable != d->entry_count || d->entry_count < MAX_ENTRIES / 2)
        return;
    size_t n = 0;
    for (size_t i = 0; i < d->entry_count; i++) {
        bool again = false;
        for (size_t k = i + 1; k < d->entry_count; k++)
            again = again || strcmp(d->entries[i].name, d->entries[k].name) == 0;
        if (!again && d->entries[i].inode >= 0)
            d->entries[n++] = d->entries[i];
    }
    d->entry_count = d->entries_durable = n;
}

static void set_name(struct lossy *d, const char *name, int inode)
{
    tidy_entries(d);
    MUST(d->entry_count < MAX_ENTRIES);
    struct entry *e = &d->entries[d->entry_count++];
    memset(e->name, 0, sizeof e->name);
    strncpy(e->name, name, sizeof e->name - 1);
    e->inode = inode;
}

static bool is_named(const struct lossy *d, int inode)
{
    for (size_t i = 0; i < d->entry_count; i++)
        if (d->entries[i].inode == inode)
            return true;
    return false;
}

static int new_inode(struct lossy *d)
{
    for (size_t i = 0; i < d->file_count; i++) {
        struct inode *f = &d->files[i];
        if (is_named(d, (int)i) || f->readers)
            continue;
        forget_changes(f);
        forget_sharing(f);
        f->now.n = f->durable.n = 0;
        return (int)i;
    }
    MUST(d->file_count < MAX_FILES);
    return (int)d->file_count++;
}

/* ---- a file ---- */

static struct handle *handle_of(sqlite3_file *file)
{
    return (struct handle *)file;
}

static int lossy_xdelete(sqlite3_vfs *vfs, const char *name, int sync_directory)
{
    struct lossy *d = vfs->pAppData;
    bool last;
    if (find_name(d, name) < 0)
        return SQLITE_IOERR_DELETE_NOENT;
    int rc = operation(d, &last);
    if (rc != SQLITE_OK)
        return rc;
    set_name(d, name, -1);
    if (last)
        return SQLITE_IOERR_DELETE;
    if (sync_directory)
        d->entries_durable = d->entry_count;
    return SQLITE_OK;
}

static int lossy_close(sqlite3_file *file)
{
    struct handle *h = handle_of(file);
    if (h->delete_on_close)
        (void)lossy_xdelete(&h->disk->vfs, h->name, 0);
    return SQLITE_OK;
}

static int lossy_read(sqlite3_file *file, void *out, int n, sqlite3_int64 at)
{
    const struct handle *h = handle_of(file);
    const struct bytes *b = &h->inode->now;
    if (h->disk->cut)
        return SQLITE_IOERR_READ;
    size_t from = (size_t)at, want = (size_t)n;
    size_t there = from < b->n ? b->n - from : 0;
    size_t got = there < want ? there : want;
    if (got)
        memcpy(out, b->p + from, got);
    memset((char *)out + got, 0, want - got);
    return got == want ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

size_t lossy_bytes(const struct lossy *d)
{
    size_t sum = 0;
    for (size_t i = 0; i < d->file_count; i++)
        sum += is_named(d, (int)i) ? d->files[i].now.n : 0;
    return sum;
}

static int lossy_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at)
{
    struct handle *h = handle_of(file);
    struct inode *f = h->inode;
    bool last;
    size_t end = (size_t)at + (size_t)n;
    int rc = operation(h->disk, &last);
    if (rc != SQLITE_OK)
        return rc;
    if (end > f->now.n && lossy_bytes(h->disk) + end - f->now.n > h->disk->limit)
        return SQLITE_FULL;
    put_bytes(&f->now, (size_t)at, data, (size_t)n);
    remember(f, (struct change){.at = (size_t)at, .n = (size_t)n}, data);
    return last ? SQLITE_IOERR_WRITE : SQLITE_OK;
}

static int lossy_truncate(sqlite3_file *file, sqlite3_int64 n)
{
    struct handle *h = handle_of(file);
    bool last;
    int rc = operation(h->disk, &last);
    if (rc != SQLITE_OK)
        return rc;
    resize(&h->inode->now, (size_t)n);
    remember(h->inode, (struct change){.truncate = true, .at = (size_t)n}, NULL);
    return last ? SQLITE_IOERR_TRUNCATE : SQLITE_OK;
}

static int lossy_sync(sqlite3_file *file, int flags)
{
    (void)flags;
    struct handle *h = handle_of(file);
    bool last;
    int rc = operation(h->disk, &last);
    if (rc != SQLITE_OK)
        return rc;
    if (last)
        return SQLITE_IOERR_FSYNC;
    copy_bytes(&h->inode->durable, &h->inode->now);
    forget_changes(h->inode);
    if (h->sync_directory)
        h->disk->entries_durable = h->disk->entry_count;
    h->sync_directory = false;
    return SQLITE_OK;
}

static int lossy_size(sqlite3_file *file, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)handle_of(file)->inode->now.n;
    return SQLITE_OK;
}

/* ---- locks ---- */

static int lossy_lock(sqlite3_file *file, int level)
{
    struct handle *h = handle_of(file);
    struct inode *f = h->inode;
    if (h->lock >= level)
        return SQLITE_OK;
    if (h->lock == SQLITE_LOCK_NONE) {
        if (f->pending && f->pending != h)
            return SQLITE_BUSY;
        f->readers++;
        h->lock = SQLITE_LOCK_SHARED;
    }
    if (level >= SQLITE_LOCK_RESERVED && h->lock < SQLITE_LOCK_RESERVED) {
        if (f->reserved && f->reserved != h)
            return SQLITE_BUSY;
        f->reserved = h;
        h->lock = SQLITE_LOCK_RESERVED;
    }
    if (level == SQLITE_LOCK_EXCLUSIVE) {
        f->pending = h;
        if (f->readers > 1)
            return SQLITE_BUSY;
        f->owner = h;
        h->lock = level;
    }
    return SQLITE_OK;
}

static int lossy_unlock(sqlite3_file *file, int level)
{
    struct handle *h = handle_of(file);
    struct inode *f = h->inode;
    if (level < SQLITE_LOCK_RESERVED) {
        f->reserved = f->reserved == h ? NULL : f->reserved;
        f->pending = f->pending == h ? NULL : f->pending;
        f->owner = f->owner == h ? NULL : f->owner;
    }
    if (level == SQLITE_LOCK_NONE && h->lock > SQLITE_LOCK_NONE && f->readers)
        f->readers--;
    h->lock = level;
    return SQLITE_OK;
}

static int lossy_reserved(sqlite3_file *file, int *out)
{
    *out = handle_of(file)->inode->reserved != NULL;
    return SQLITE_OK;
}

static int lossy_control(sqlite3_file *file, int op, void *arg)
{
    (void)file, (void)op, (void)arg;
    return SQLITE_NOTFOUND;
}

static int lossy_sector(sqlite3_file *file)
{
    (void)file;
    return SECTOR_BYTES;
}

static int lossy_traits(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* ---- shared memory ---- */

static int lossy_shm_map(sqlite3_file *file, int region, int bytes, int extend, void volatile **out)
{
    struct inode *f = handle_of(file)->inode;
    *out = NULL;
    if (handle_of(file)->disk->cut)
        return SQLITE_IOERR_SHMMAP;
    MUST(region < MAX_REGIONS);
    f->region_users += !handle_of(file)->shm_used;
    handle_of(file)->shm_used = true;
    if (!f->regions[region] && extend) {
        f->regions[region] = calloc(1, (size_t)bytes);
        MUST(f->regions[region]);
    }
    *out = f->regions[region];
    return SQLITE_OK;
}

static bool shm_free_for(const struct inode *f, int slot, const struct handle *h, bool exclusive)
{
    unsigned mine = h->shm_shared >> slot & 1;
    if (f->exclusive[slot] && f->exclusive[slot] != h)
        return false;
    return !exclusive || f->shared[slot] <= mine;
}

static int lossy_shm_lock(sqlite3_file *file, int first, int n, int flags)
{
    struct handle *h = handle_of(file);
    struct inode *f = h->inode;
    bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    for (int i = first; (flags & SQLITE_SHM_LOCK) && i < first + n; i++)
        if (!shm_free_for(f, i, h, exclusive))
            return SQLITE_BUSY;
    for (int i = first; i < first + n; i++) {
        unsigned bit = 1u << i;
        if (exclusive) {
            f->exclusive[i] = flags & SQLITE_SHM_LOCK ? h : NULL;
        } else if (flags & SQLITE_SHM_LOCK) {
            f->shared[i] += !(h->shm_shared & bit);
            h->shm_shared |= bit;
        } else {
            f->shared[i] -= (h->shm_shared & bit) && f->shared[i];
            h->shm_shared &= ~bit;
        }
    }
    return SQLITE_OK;
}

static void lossy_shm_barrier(sqlite3_file *file)
{
    (void)file;
}

/* The last one to leave takes the memory with it, as the Unix layer does with its file. */
static int lossy_shm_unmap(sqlite3_file *file, int remove)
{
    (void)remove;
    struct handle *h = handle_of(file);
    struct inode *f = h->inode;
    if (h->shm_used && f->region_users && --f->region_users == 0)
        for (size_t i = 0; i < MAX_REGIONS; i++) {
            free(f->regions[i]);
            f->regions[i] = NULL;
        }
    h->shm_used = false;
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = lossy_close,
    .xRead = lossy_read,
    .xWrite = lossy_write,
    .xTruncate = lossy_truncate,
    .xSync = lossy_sync,
    .xFileSize = lossy_size,
    .xLock = lossy_lock,
    .xUnlock = lossy_unlock,
    .xCheckReservedLock = lossy_reserved,
    .xFileControl = lossy_control,
    .xSectorSize = lossy_sector,
    .xDeviceCharacteristics = lossy_traits,
    .xShmMap = lossy_shm_map,
    .xShmLock = lossy_shm_lock,
    .xShmBarrier = lossy_shm_barrier,
    .xShmUnmap = lossy_shm_unmap,
};

/* ---- the file system ---- */

static int create_file(struct lossy *d, struct handle *h, int flags, int *inode)
{
    bool last;
    if (!(flags & SQLITE_OPEN_CREATE))
        return SQLITE_CANTOPEN;
    int rc = operation(d, &last);
    if (rc != SQLITE_OK)
        return rc;
    *inode = new_inode(d);
    set_name(d, h->name, *inode);
    h->sync_directory = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL)) != 0;
    return last ? SQLITE_CANTOPEN : SQLITE_OK;
}

static int lossy_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    static const char unnamed[] = "/temporary";
    struct lossy *d = vfs->pAppData;
    struct handle *h = handle_of(file);
    memset(h, 0, sizeof *h);
    if (d->cut)
        return SQLITE_CANTOPEN;
    h->disk = d;
    strncpy(h->name, name ? name : unnamed, sizeof h->name - 1);
    h->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    int inode = find_name(d, h->name), rc = SQLITE_OK;
    if (inode < 0)
        rc = create_file(d, h, flags, &inode);
    if (rc != SQLITE_OK)
        return rc;
    h->inode = &d->files[inode];
    h->base.pMethods = &methods;
    if (out_flags)
        *out_flags = flags;
    return SQLITE_OK;
}

static int lossy_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    (void)flags;
    struct lossy *d = vfs->pAppData;
    *out = find_name(d, name) >= 0;
    return d->cut ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

static int lossy_full_name(sqlite3_vfs *vfs, const char *name, int room, char *out)
{
    (void)vfs;
    sqlite3_snprintf(room, out, "%s", name);
    return SQLITE_OK;
}

static int lossy_randomness(sqlite3_vfs *vfs, int n, char *out)
{
    struct lossy *d = vfs->pAppData;
    for (int i = 0; i < n; i++)
        out[i] = (char)next_random(d);
    return n;
}

static int lossy_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

static int lossy_time(sqlite3_vfs *vfs, double *out)
{
    (void)vfs;
    *out = 2460000.5;
    return SQLITE_OK;
}

static int lossy_last_error(sqlite3_vfs *vfs, int n, char *out)
{
    (void)vfs, (void)n, (void)out;
    return 0;
}

struct lossy *lossy_new(uint64_t seed)
{
    struct lossy *d = calloc(1, sizeof *d);
    MUST(d);
    d->random = seed;
    d->cut_at = d->fail_at = UINT64_MAX;
    d->limit = SIZE_MAX;
    d->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = sizeof(struct handle),
        .mxPathname = NAME_BYTES - 16,
        .zName = LOSSY_NAME,
        .pAppData = d,
        .xOpen = lossy_open,
        .xDelete = lossy_xdelete,
        .xAccess = lossy_access,
        .xFullPathname = lossy_full_name,
        .xRandomness = lossy_randomness,
        .xSleep = lossy_sleep,
        .xCurrentTime = lossy_time,
        .xGetLastError = lossy_last_error,
    };
    MUST(sqlite3_vfs_register(&d->vfs, 0) == SQLITE_OK);
    return d;
}

void lossy_free(struct lossy **dp)
{
    struct lossy *d = *dp;
    *dp = NULL;
    sqlite3_vfs_unregister(&d->vfs);
    for (size_t i = 0; i < d->file_count; i++) {
        forget_changes(&d->files[i]);
        forget_sharing(&d->files[i]);
        free(d->files[i].changes);
        free(d->files[i].now.p);
        free(d->files[i].durable.p);
    }
    free(d);
}

uint64_t lossy_operations(const struct lossy *d)
{
    return d->operations;
}

void lossy_cut_at(struct lossy *d, uint64_t at)
{
    d->cut_at = at;
}

bool lossy_is_cut(const struct lossy *d)
{
    return d->cut;
}

void lossy_limit(struct lossy *d, size_t bytes)
{
    d->limit = bytes;
}

void lossy_fail_at(struct lossy *d, uint64_t at, uint64_t times, int rc)
{
    d->fail_at = at;
    d->fail_times = times;
    d->fail_rc = rc;
}
