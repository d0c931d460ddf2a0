// Kinds of transforms: complex forwards (0) and backwards, from real ones to half of the frequencies, back, and from real ones to all, forwards and
// backwards.

export const BACKWARDS: i32 = 1;
export const TO_HALF: i32 = 2;
export const FROM_HALF: i32 = 3;
export const TO_ALL: i32 = 4;
