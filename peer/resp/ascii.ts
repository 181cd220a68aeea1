/** Bytes that frames of RESP are made of. */

export const CR = 0x0d;
export const LF = 0x0a;
export const DOLLAR = 0x24;
export const ZERO = 0x30;

export const NOTHING: Buffer = Buffer.alloc(0);
