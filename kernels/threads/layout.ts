// The control block of a thread pool: byte offsets. Plain enough to be both AssemblyScript and TypeScript: the runtime
// imports this file, so that there is one list. What different threads write lies in cache lines of its own.

/** Threads inside of the job in the lowest byte, then `OPEN`, then the job's number. */
export const GATE = 0;
/** How many threads sleep until the gate opens. */
export const SLEEPERS = 64;
/** Grows by one when the last thread leaves a closed gate, which is what the leader sleeps on; whether it does. */
export const DONE = 128;
export const LEADER_SLEEPS = 132;
/** How often a thread went into a job of a program that it knew, for tests and reports. */
export const HELPED = 136;

/** Written by JavaScript: which generation of threads may enter, and whether one of them has failed. */
export const EPOCH = 192;
export const FAILED = 196;
/** How many threads have started, beside the leader. */
export const READY = 200;
/** Memory of each thread's own: where the leader's is, and how far apart they are. */
export const PRIVATE = 204;
export const STRIDE = 208;
/** Whether the leader does without them for the time being. */
export const LEFT_OUT = 212;
/** Jobs until the leader tells JavaScript of one; at 1 it tells of each, at 0 of none. */
export const WATCH = 216;
/** Written by the leader: how often a thread could have come to a job, because it was awake or was woken. */
export const CALLED = 220;

/** The job: whose it is, which of that program's, with which table, and among how many threads it is divided. */
export const PROGRAM = 256;
export const JOB = 260;
export const TABLE = 264;
export const SHARES = 268;

/** For each thread the units that it takes first: the next one, and the end. */
export const RANGES = 320;
export const RANGE_BYTES = 64;
export const RANGE_END = 4;
/** Beside it, how often the thread looks at the gate before it sleeps. */
export const RANGE_SPINS = 8;

/** Bits of the gate. */
export const OPEN = 256;
export const INSIDE = 255;
export const NUMBER_SHIFT = 9;

/** What `pool_close` answers, and JavaScript is told: that a thread has failed, or is waited for. */
export const FINISHED = 0;
export const BROKEN = 1;
export const WAITING = 2;
/** What JavaScript is told of a job that it watches. */
export const OPENED = 3;
export const CLOSED = 4;

/** Threads that a control block has room for. */
export const MOST_THREADS = 64;
