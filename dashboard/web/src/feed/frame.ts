// Binary frames of the live feed. The layout is in docs/live-feed.md.

export const CONDITIONS = ['vacant', 'occupied', 'booked', 'off_duty', 'offline', 'alarm'] as const;
export type Condition = (typeof CONDITIONS)[number];
export const OFFLINE = CONDITIONS.indexOf('offline');
export const UNKNOWN = 255;

/** One frame. Columns are views of the message, each with one value per vehicle. */
export interface Frame {
  readonly kind: 'snapshot' | 'changes';
  readonly sequence: number;
  /** The server's clock, ms since the epoch. */
  readonly time: number;
  readonly id: Uint32Array;
  /** Degrees times 10,000,000, WGS-84. */
  readonly lon: Int32Array;
  readonly lat: Int32Array;
  /** Seconds from the fix to `time`; 65535 = that old or older. */
  readonly age: Uint16Array;
  /** Half degrees; UNKNOWN = not reported. */
  readonly course: Uint8Array;
  /** km/h; UNKNOWN = not reported. */
  readonly speed: Uint8Array;
  /** Index into CONDITIONS. */
  readonly condition: Uint8Array;
}

const VEHICLE_BYTES = 17;

/** Throws RangeError when the message is no frame of version 1. Every processor that runs browsers is little-endian. */
export function decode(message: ArrayBuffer): Frame {
  const head = new DataView(message);
  const version = head.getUint8(0);
  if (version !== 1) throw new RangeError(`a frame of version ${version}: this console reads version 1`);
  const start = head.getUint16(2, true);
  const n = head.getUint32(16, true);
  if (message.byteLength !== start + n * VEHICLE_BYTES) {
    throw new RangeError(`a frame of ${n} vehicles has ${message.byteLength} bytes`);
  }
  return {
    kind: head.getUint8(1) === 0 ? 'snapshot' : 'changes',
    sequence: head.getUint32(4, true),
    time: Number(head.getBigUint64(8, true)),
    id: new Uint32Array(message, start, n),
    lon: new Int32Array(message, start + 4 * n, n),
    lat: new Int32Array(message, start + 8 * n, n),
    age: new Uint16Array(message, start + 12 * n, n),
    course: new Uint8Array(message, start + 14 * n, n),
    speed: new Uint8Array(message, start + 15 * n, n),
    condition: new Uint8Array(message, start + 16 * n, n),
  };
}
