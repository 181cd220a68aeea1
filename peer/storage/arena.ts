/**
 * Many small byte strings in few large buffers: a Buffer of its own would cost each of them some 150 bytes.
 *
 * Kept true: a slot belongs to one size class for good; a freed one is given to the next string of its class. What
 * is read is a copy, because the slot may be written again. Strings above MAX_SLOT_BYTES have a buffer of their own.
 * Limit: memory once taken for a size class is not given back to others, so data whose sizes all change may take
 * twice its room.
 */

const CHUNK_BYTES = 1_048_576;

/** Slots begin at multiples of this, and sizes are multiples of it. */
const UNIT_BYTES = 8;

const UNITS_PER_CHUNK = CHUNK_BYTES / UNIT_BYTES;

/** The length of the content, before it. */
const HEAD_BYTES = 4;

const MAX_SLOT_BYTES = 65_536;

export class Arena {
  private readonly chunks: Buffer[] = [];
  private readonly free = new Map<number, number[]>();
  private readonly large = new Map<number, Buffer>();
  private lastLarge = 0;
  /** Where the unused rest of the last chunk begins. */
  private unused = CHUNK_BYTES;
  private largeBytes = 0;

  /** Bytes taken from the system. */
  get bytes(): number {
    return this.chunks.length * CHUNK_BYTES + this.largeBytes;
  }

  /** Keeps a copy of `content`; the handle is negative for a large one. */
  put(content: Uint8Array): number {
    const size = slotSize(content.length);
    if (size > MAX_SLOT_BYTES) return this.putLarge(content);
    const handle = this.free.get(size)?.pop() ?? this.carve(size);
    this.fill(handle, content);
    return handle;
  }

  /** Puts `content` in the place of what `handle` names; returns its handle from now on. */
  replace(handle: number, content: Uint8Array): number {
    const size = slotSize(content.length);
    if (handle >= 0 && size <= MAX_SLOT_BYTES && size === slotSize(this.lengthOf(handle))) {
      this.fill(handle, content);
      return handle;
    }
    this.delete(handle);
    return this.put(content);
  }

  /** A copy of the content. */
  read(handle: number): Buffer {
    if (handle < 0) return this.large.get(handle) as Buffer;
    const chunk = this.chunkOf(handle);
    const start = offsetOf(handle) + HEAD_BYTES;
    const content = Buffer.allocUnsafe(this.lengthOf(handle));
    chunk.copy(content, 0, start, start + content.length);
    return content;
  }

  /** Frees it; the handle may come back for other content. */
  delete(handle: number): void {
    if (handle < 0) {
      this.largeBytes -= this.large.get(handle)?.length ?? 0;
      this.large.delete(handle);
      return;
    }
    const size = slotSize(this.lengthOf(handle));
    const free = this.free.get(size);
    if (free === undefined) this.free.set(size, [handle]);
    else free.push(handle);
  }

  private putLarge(content: Uint8Array): number {
    this.lastLarge--;
    // Large contents are replaced, never overwritten, so what is read may be shared.
    this.large.set(this.lastLarge, Buffer.from(content));
    this.largeBytes += content.length;
    return this.lastLarge;
  }

  private carve(size: number): number {
    if (this.unused + size > CHUNK_BYTES) {
      this.chunks.push(Buffer.allocUnsafeSlow(CHUNK_BYTES));
      this.unused = 0;
    }
    const handle = (this.chunks.length - 1) * UNITS_PER_CHUNK + this.unused / UNIT_BYTES;
    this.unused += size;
    return handle;
  }

  private fill(handle: number, content: Uint8Array): void {
    const at = offsetOf(handle);
    const chunk = this.chunkOf(handle);
    chunk.writeUInt32BE(content.length, at);
    chunk.set(content, at + HEAD_BYTES);
  }

  private lengthOf(handle: number): number {
    return this.chunkOf(handle).readUInt32BE(offsetOf(handle));
  }

  private chunkOf(handle: number): Buffer {
    return this.chunks[Math.floor(handle / UNITS_PER_CHUNK)] as Buffer;
  }
}

function offsetOf(handle: number): number {
  return (handle % UNITS_PER_CHUNK) * UNIT_BYTES;
}

/** Multiples of 8 up to 512 bytes, then eight classes for each power of two: at most an eighth is wasted. */
function slotSize(length: number): number {
  const bytes = length + HEAD_BYTES;
  const step = bytes <= 512 ? UNIT_BYTES : 2 ** (28 - Math.clz32(bytes - 1));
  return Math.ceil(bytes / step) * step;
}
