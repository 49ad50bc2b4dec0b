"""macOS binaries: the ad-hoc signature after bytes were replaced, and both processors in one file.

After Apple's headers mach-o/loader.h, mach-o/fat.h and kern/cs_blobs.h.
"""

import hashlib
import struct

MAGIC, FAT_MAGIC = 0xFEEDFACF, 0xCAFEBABE
CODE_SIGNATURE = 0x1D  # load command
SIGNATURE_MAGIC, DIRECTORY_SLOT = 0xFADE0CC0, 0
HEADER_BYTES = 32
ALIGNMENT = 14  # power of two: a page of Apple's own processors


def signed(code: bytes) -> bytes:
    """A thin binary whose signature, where it has one, fits its bytes again.

    Only Apple's own processors ask for one, and linkers sign for them alone.

    Raises:
        ValueError: if it is no binary of macOS.
    """
    data = bytearray(code)
    if (found := _directory(data)) is None:
        return code
    at, n_pages, limit, size, page = found
    for i in range(n_pages):
        digest = hashlib.sha256(data[i * page : min((i + 1) * page, limit)]).digest()[:size]
        data[at + i * size : at + (i + 1) * size] = digest
    return bytes(data)


def _directory(data: bytes) -> tuple[int, int, int, int, int] | None:
    """Where the hashes of pages are, their number, the bytes they cover, sizes of hash and page.

    None where there is no signature.
    """
    magic, *_, n_commands, _, _, _ = struct.unpack_from("<8I", data)
    at, offset = HEADER_BYTES, None
    if magic != MAGIC:
        raise ValueError("it is no binary of macOS")
    for _ in range(n_commands):
        command, length = struct.unpack_from("<2I", data, at)
        if command == CODE_SIGNATURE:
            offset = struct.unpack_from("<I", data, at + 8)[0]
        at += length
    if offset is None or struct.unpack_from(">I", data, offset)[0] != SIGNATURE_MAGIC:
        return None
    (count,) = struct.unpack_from(">I", data, offset + 8)
    blobs = dict(struct.unpack_from(">2I", data, offset + 12 + 8 * i) for i in range(count))
    directory = offset + blobs[DIRECTORY_SLOT]
    _, _, _, _, hashes, _, _, n_pages, limit = struct.unpack_from(">9I", data, directory)
    size, _, _, log_page = struct.unpack_from(">4B", data, directory + 36)
    return directory + hashes, n_pages, limit, size, 1 << log_page


def universal(binaries: list[bytes]) -> bytes:
    """Thin binaries of several processors as one file."""
    out, at = bytearray(struct.pack(">2I", FAT_MAGIC, len(binaries))), 1 << ALIGNMENT
    for code in binaries:
        processor = struct.unpack_from("<2I", code, 4)
        out += struct.pack(">5I", *processor, at, len(code), ALIGNMENT)
        at += -(-len(code) >> ALIGNMENT) << ALIGNMENT
    for code in binaries:
        out += bytes(-len(out) % (1 << ALIGNMENT)) + code
    return bytes(out)
