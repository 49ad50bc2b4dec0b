/* The latency of a CLAP: it changes only while the plugin is activated, which the host is asked to do. */
#include "clap.h"

uint32_t clap_latency(const clap_plugin *plugin) { return ((struct clap *)plugin->data)->plugin->reported; }

void clap_latency_begins(struct clap *x) {
  x->asked = false;
  uint32_t latency = latency_at(x->plugin, x->plugin->rate);
  if (atomic_exchange(&x->plugin->reported, latency) == latency || !x->host || !x->host->extension) return;
  const struct { void (*changed)(const clap_host *); } *extension = x->host->extension(x->host, "clap.latency");
  if (extension && extension->changed) extension->changed(x->host);
}

void clap_latency_follow(struct clap *x) {
  struct plugin *p = x->plugin;
  bool differs = p->player && latency_at(p, p->rate) != p->reported;
  bool asked = atomic_exchange(&x->asked, differs);
  if (differs && !asked && x->host && x->host->restart) x->host->restart(x->host);
}
