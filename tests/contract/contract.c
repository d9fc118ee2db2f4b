/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "contract.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct contract {
    struct hypervisor *hypervisor;
    const struct contract_place *place;
    int count;
    int failed;
};

static void check(struct contract *contract, const char *name, int got, int wanted)
{
    contract->count++;
    contract->failed += got != wanted;
    printf("%s %d - %s\n", got == wanted ? "ok" : "not ok", contract->count, name);
    if (got != wanted)
        printf("# got %d, wanted %d\n", got, wanted);
}

static int map(struct contract *c)
{
    return hypervisor_map(c->hypervisor, c->place->domid, c->place->free_gfn, c->place->frames);
}

static int unmap(struct contract *c)
{
    return hypervisor_unmap(c->hypervisor, c->place->domid, c->place->free_gfn, c->place->frames);
}

static int permit(struct contract *c)
{
    return hypervisor_permit(c->hypervisor, c->place->domid, c->place->frames);
}

static int revoke(struct contract *c)
{
    return hypervisor_revoke(c->hypervisor, c->place->domid, c->place->frames);
}

static int probe(struct contract *c, gfn_t first, uint64_t count)
{
    bool ram = false;
    int r = hypervisor_probe_ram(c->hypervisor, c->place->domid, (struct gfn_range){ first, count },
                                 &ram);

    return r < 0 ? r : ram;
}

static int listed(struct contract *c, uint32_t domid)
{
    static const uint8_t none[DOMAIN_UUID_SIZE];
    const struct hypervisor_domain *domains;
    size_t count;

    if (hypervisor_list(c->hypervisor, &domains, &count) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (domains[i].domid == domid)
            return !domains[i].dying && domains[i].shutdown == DOMAIN_RUNNING &&
                   domains[i].memory_kib > 0 && memcmp(domains[i].uuid, none, sizeof(none)) != 0;
    return 0;
}

static void domains(struct contract *c)
{
    struct hypervisor_config config = { 0 };
    char name[DOMAIN_NAME_MAX] = "";

    check(c, "the domain is listed, running", listed(c, c->place->domid), 1);
    check(c, "Dom0 is not listed", listed(c, 0), 0);
    check(c, "a domain that is not there is not listed", listed(c, c->place->no_domid), 0);
    check(c, "the name can be had",
          hypervisor_domain_name(c->hypervisor, c->place->domid, name) == 0 && name[0], 1);
    check(c, "no name without a domain",
          hypervisor_domain_name(c->hypervisor, c->place->no_domid, name) == 0 && !name[0], 1);
    check(c, "the config can be had",
          hypervisor_domain_config(c->hypervisor, c->place->domid, &config) == 0 && config.known &&
              config.maxmem_kib > 0,
          1);
    hypervisor_config_clear(&config);
    check(c, "no config without a domain",
          hypervisor_domain_config(c->hypervisor, c->place->no_domid, &config) < 0 || !config.known,
          1);
    hypervisor_config_clear(&config);
}

static void probes(struct contract *c)
{
    check(c, "a hole is not RAM", probe(c, c->place->free_gfn, c->place->frames.count), 0);
    check(c, "RAM is RAM", probe(c, c->place->ram_gfn, 1), 1);
}

static void mappings(struct contract *c)
{
    check(c, "mapping needs the permission", map(c), -EPERM);
    check(c, "permit", permit(c), 0);
    check(c, "permit again", permit(c), 0);
    check(c, "map", map(c), 0);
    check(c, "map the same again", map(c), 0);
    check(c, "what is mapped is not RAM", probe(c, c->place->free_gfn, c->place->frames.count), 0);
    check(c, "unmap", unmap(c), 0);
    check(c, "unmap nothing", unmap(c), 0);
    check(c, "unmapping RAM is refused",
          hypervisor_unmap(c->hypervisor, c->place->domid, c->place->ram_gfn,
                           (struct mfn_range){ c->place->frames.first, 1 }),
          -EILSEQ);
    check(c, "RAM is still RAM", probe(c, c->place->ram_gfn, 1), 1);
    check(c, "map once more", map(c), 0);
    check(c, "revoke while mapped", revoke(c), 0);
    check(c, "unmapping needs the permission", unmap(c), -EPERM);
    check(c, "permit once more", permit(c), 0);
    check(c, "unmap then", unmap(c), 0);
    check(c, "revoke", revoke(c), 0);
    check(c, "revoke again", revoke(c), 0);
}

static void refusals(struct contract *c)
{
    uint32_t no_domid = c->place->no_domid;
    struct mfn_range frames = c->place->frames;
    struct mfn_range alien = { c->place->alien, 1 };
    struct mfn_range many = { frames.first, HYPERVISOR_RUN_MAX + 1 };

    check(c, "no permission without a domain", hypervisor_permit(c->hypervisor, no_domid, frames),
          -ESRCH);
    check(c, "no mapping without a domain",
          hypervisor_map(c->hypervisor, no_domid, c->place->free_gfn, frames), -ESRCH);
    check(c, "pages that are not ours to give",
          hypervisor_permit(c->hypervisor, c->place->domid, alien), -EPERM);
    check(c, "too many pages at once",
          hypervisor_map(c->hypervisor, c->place->domid, c->place->free_gfn, many), -E2BIG);
}

static void nodes(struct contract *c)
{
    const struct hypervisor_node node[] = { { "address", "0x3a000000" }, { "state", "attached" } };

    check(c, "publish",
          hypervisor_publish(c->hypervisor, c->place->domid, "contract-test", node, 2), 0);
    check(c, "publish again",
          hypervisor_publish(c->hypervisor, c->place->domid, "contract-test", node, 2), 0);
    check(c, "unpublish", hypervisor_unpublish(c->hypervisor, c->place->domid, "contract-test"), 0);
    check(c, "unpublish what is not there",
          hypervisor_unpublish(c->hypervisor, c->place->domid, "contract-test"), 0);
    check(c, "publish without a domain",
          hypervisor_publish(c->hypervisor, c->place->no_domid, "contract-test", node, 2), -ESRCH);
    check(c, "changes can be drained", hypervisor_drain_changes(c->hypervisor), 0);
    check(c, "and there is a descriptor for them", hypervisor_change_fd(c->hypervisor) >= 0, 1);
}

int contract_run(struct hypervisor *hypervisor, const struct contract_place *place)
{
    struct contract contract = { .hypervisor = hypervisor, .place = place };

    domains(&contract);
    probes(&contract);
    mappings(&contract);
    refusals(&contract);
    nodes(&contract);
    printf("1..%d\n", contract.count);
    return contract.failed;
}
