/* VST 3.7, as far as it is used: the interfaces of pluginterfaces/base and pluginterfaces/vst as
 * plain C, each a pointer to a table of functions that begins with those of FUnknown. */
#pragma once
#include "plugin.h"

typedef int32_t result;
typedef uint16_t text128[128];
enum { OK = 0, FAILED = 1 };
#ifdef _WIN32 /* COM's numbers, and COM's order of an identity's bytes */
#define WRONG ((result)0x80070057)
#define NO_INTERFACE ((result)0x80004002)
#define NOT_IMPLEMENTED ((result)0x80004001)
#define UID(a, b, c, d) \
  {(uint8_t)(a), (uint8_t)(a >> 8), (uint8_t)(a >> 16), (uint8_t)(a >> 24), \
   (uint8_t)(b >> 16), (uint8_t)(b >> 24), (uint8_t)(b), (uint8_t)(b >> 8), \
   (uint8_t)(c >> 24), (uint8_t)(c >> 16), (uint8_t)(c >> 8), (uint8_t)(c), \
   (uint8_t)(d >> 24), (uint8_t)(d >> 16), (uint8_t)(d >> 8), (uint8_t)(d)}
#else
#define WRONG ((result)2)
#define NO_INTERFACE ((result)-1)
#define NOT_IMPLEMENTED ((result)3)
#define UID(a, b, c, d) \
  {(uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)(a), \
   (uint8_t)(b >> 24), (uint8_t)(b >> 16), (uint8_t)(b >> 8), (uint8_t)(b), \
   (uint8_t)(c >> 24), (uint8_t)(c >> 16), (uint8_t)(c >> 8), (uint8_t)(c), \
   (uint8_t)(d >> 24), (uint8_t)(d >> 16), (uint8_t)(d >> 8), (uint8_t)(d)}
#endif

static const uint8_t FUNKNOWN[16] = UID(0x00000000u, 0x00000000u, 0xC0000000u, 0x00000046u);
static const uint8_t PLUGIN_BASE[16] = UID(0x22888DDBu, 0x156E45AEu, 0x8358B348u, 0x08190625u);
static const uint8_t FACTORY[16] = UID(0x7A4D811Cu, 0x52114A1Fu, 0xAED9D2EEu, 0x0B43BF9Fu);
static const uint8_t FACTORY_2[16] = UID(0x0007B650u, 0xF24B4C0Bu, 0xA464EDB9u, 0xF00B2ABBu);
static const uint8_t FACTORY_3[16] = UID(0x4555A2ABu, 0xC1234E57u, 0x9B122910u, 0x36878931u);
static const uint8_t COMPONENT[16] = UID(0xE831FF31u, 0xF2D54301u, 0x928EBBEEu, 0x25697802u);
static const uint8_t PROCESSOR[16] = UID(0x42043F99u, 0xB7DA453Cu, 0xA569E79Du, 0x9AAEC33Du);
static const uint8_t CONTROLLER[16] = UID(0xDCD7BBE3u, 0x7742448Du, 0xA874AACCu, 0x979C759Eu);
static const uint8_t MIDI_MAPPING[16] = UID(0xDF0FF9F7u, 0x49B74669u, 0xB63AB732u, 0x7ADBF5E5u);

enum { AUDIO = 0, EVENTS = 1, INPUT = 0, OUTPUT = 1, MONO = 1 << 19, STEREO = 3, SAMPLE_32 = 0 };
enum { NOTE_ON = 0, POLY_PRESSURE = 3, AFTERTOUCH = 128 };
enum { CAN_AUTOMATE = 1, IS_HIDDEN = 1 << 4, DEFAULT_ACTIVE = 1, AUXILIARY = 1, LATENCY_CHANGED = 1 << 3, UNICODE = 1 << 4, MANY = 0x7fffffff };

typedef struct { int32_t mode, size, most; double rate; } setup;
typedef struct { int32_t channels; uint64_t silence; float **data; } buffers;
typedef struct {
  int32_t mode, size, n, n_in, n_out;
  buffers *in, *out;
  struct changes *changes;
  void *changes_out;
  struct events *events;
  void *events_out, *context;
} block;
typedef struct {
  int32_t bus, offset;
  double ppq;
  uint16_t flags, type;
  union {
    void *alignment;
    struct { int16_t channel, pitch; float tuning, velocity; int32_t length, id; } note;
    struct { int16_t channel, pitch; float pressure; int32_t id; } pressure;
  };
} event;
typedef struct { uint32_t id; text128 title, brief, units; int32_t steps; double value; int32_t unit, flags; } parameter;
typedef struct { int32_t media, direction, channels; text128 name; int32_t type; uint32_t flags; } bus;
typedef struct { char vendor[64], url[256], email[128]; int32_t flags; } factory_info;
typedef struct { uint8_t uid[16]; int32_t cardinality; char category[32], name[64]; } class_1;
typedef struct { class_1 first; uint32_t flags; char sub[128], vendor[64], version[64], sdk[64]; } class_2;
typedef struct {
  uint8_t uid[16];
  int32_t cardinality;
  char category[32];
  uint16_t name[64];
  uint32_t flags;
  char sub[128];
  uint16_t vendor[64], version[64], sdk[64];
} class_3;

struct queue {
  struct {
    void *unknown[3];
    uint32_t (*id)(void *);
    int32_t (*count)(void *);
    result (*get)(void *, int32_t, int32_t *, double *);
  } *v;
};
struct changes {
  struct {
    void *unknown[3];
    int32_t (*count)(void *);
    struct queue *(*get)(void *, int32_t);
  } *v;
};
struct events {
  struct {
    void *unknown[3];
    int32_t (*count)(void *);
    result (*get)(void *, int32_t, event *);
  } *v;
};
struct handler {
  struct {
    result (*query)(void *, const uint8_t *, void **);
    uint32_t (*reference)(void *), (*release)(void *);
    void *edits[3];
    result (*restart)(void *, int32_t);
  } *v;
};
struct stream {
  struct {
    void *unknown[3];
    result (*read)(void *, void *, int32_t, int32_t *);
    result (*write)(void *, void *, int32_t, int32_t *);
  } *v;
};

/* A kit as VST3: component, processor and controller are one object. */
#define MOST_QUEUES 512 /* parameters that change in one block: more than there are */
struct vst {
  const void *component, *processor, *controller, *mapping;
  atomic_int references;
  struct plugin *plugin;
  struct handler *handler; /* of the host, NULL before it gave one */
  double rate;
  uint64_t input; /* arrangement of the bus whose hits are replaced */
  bool first; /* no block since it was made active */
  int32_t cursor[MOST_QUEUES];
};
#define OF(member, x) ((struct vst *)((char *)(x) - offsetof(struct vst, member)))

/* Controllers come as parameters, which the host finds through IMidiMapping. */
#define FIRST_CONTROLLER (1u << 20)
static const int CONTROLLERS[] = {16, 120, 121, 123, AFTERTOUCH};
enum { N_CONTROLLERS = sizeof CONTROLLERS / sizeof *CONTROLLERS };

/* Buses: the mix and the pads out, hits in, notes in. */
enum { MIX, FIRST_PAD, N_OUTPUTS = FIRST_PAD + N_PADS };
int32_t vst_count_buses(void *component, int32_t media, int32_t direction);
result vst_describe_bus(void *component, int32_t media, int32_t direction, int32_t index, bus *out);
result vst_activate_bus(void *component, int32_t media, int32_t direction, int32_t index, uint8_t on);
result vst_set_arrangement(void *processor, uint64_t *in, int32_t n_in, uint64_t *out, int32_t n_out);
result vst_get_arrangement(void *processor, int32_t direction, int32_t index, uint64_t *out);

/* Latency: the host is told by its handler, not in the audio thread. */
uint32_t vst_latency(void *processor);
result vst_set_handler(void *controller, struct handler *handler);
void vst_latency_follow(struct vst *x);

result vst_process(void *processor, block *block);
void widen(uint16_t *out, size_t size, const char *utf8);
