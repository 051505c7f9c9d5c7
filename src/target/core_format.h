/* heldby's own notes in the cores that it writes: name "heldby", little-endian, every integer where written below.
 *
 * Other tools skip notes that they do not know, so the rest of such a core is an ordinary ELF core. The types are far
 * from everybody else's because delve looks at the type and not at the name.
 */
#pragma once

#define HB_CORE_NOTE_NAME "heldby"

enum hb_core_note {
	/* u32 version, u32 0, then records {u32 key, u32 len, len bytes, padding to 8}. First heldby note. */
	HB_CORE_NOTE_SNAPSHOT = 0x68620000 + 1,
	/* u64 start, u64 npages, then runs as u32: pages << 2 | enum hb_page_state. Any number of notes. */
	HB_CORE_NOTE_PAGES = 0x68620000 + 2,
	/* Records {u64 start, end, file_offset, inode, rss; u32 flags; u32 path_len; path, padding to 8}. */
	HB_CORE_NOTE_MAPPINGS = 0x68620000 + 3,
	/* u32 0, then a sentence for the user (base/notes.h). One note a sentence. */
	HB_CORE_NOTE_TEXT = 0x68620000 + 4,
	/* u64 offset, u64 size: the executable's file, byte for byte, inside this core. */
	HB_CORE_NOTE_EXE = 0x68620000 + 5,
};

enum { HB_CORE_FORMAT_VERSION = 1 };

/* Keys of HB_CORE_NOTE_SNAPSHOT; readers skip the ones they do not know. */
enum hb_core_key {
	HB_CORE_KEY_METHOD = 1,   /* text */
	HB_CORE_KEY_PAUSE = 2,    /* u64, nanoseconds */
	HB_CORE_KEY_TAKEN = 3,    /* u64, CLOCK_REALTIME nanoseconds */
	HB_CORE_KEY_COPIED = 4,   /* u64, bytes */
	HB_CORE_KEY_UNREAD = 5,   /* u64, bytes */
	HB_CORE_KEY_MEMORY = 6,   /* 5 × u64: struct hb_target_memory */
	HB_CORE_KEY_PID = 7,      /* u64 */
	HB_CORE_KEY_NAME = 8,     /* text */
	HB_CORE_KEY_EXE_PATH = 9, /* text */
	HB_CORE_KEY_PARTIAL = 10, /* empty: the snapshot itself was partial */
};

enum {
	HB_CORE_MAPPING_READ = 1,
	HB_CORE_MAPPING_WRITE = 2,
	HB_CORE_MAPPING_EXECUTE = 4,
	HB_CORE_MAPPING_SHARED = 8,
};
