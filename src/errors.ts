/**
 * The errors that this library throws. Each says which public function refused, which argument (by
 * its path in the tree), what was expected, what came, and what to do about it.
 *
 * @module
 */

/** The base of every error thrown on purpose by this library. */
export class VernalError extends Error {
  /** Makes the error; its `name` is the class's, so that logs tell errors apart. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Shapes, ranks or axes that do not fit together. */
export class ShapeError extends VernalError {}

/** A dtype that is unknown, unsupported here, or wrong for the operation. */
export class DTypeError extends VernalError {}

/** A tree whose structure is not the expected one. */
export class TreeError extends VernalError {}

/** A traced value used where only a concrete value will do, or outside of its trace. */
export class TracerError extends VernalError {}

/** A buffer that was donated to a compiled call, or deleted, used again. */
export class DonatedError extends VernalError {}

/** A device that is missing, lost, or not the one the operation needs. */
export class DeviceError extends VernalError {}

/** The memory limit was reached; the message lists what holds it. */
export class OutOfMemoryError extends VernalError {}

/** A traced program that could not be compiled. */
export class CompileError extends VernalError {}

/** A function of the caller's, called from inside of a transformed function, that threw or gave the wrong thing; `cause` holds what it threw. */
export class CallbackError extends VernalError {}

/** A runtime check that failed: `errorIf`, `branchedErrorIf`, `Enumeration`. `cause` tells where the check was written, if it was traced. */
export class RuntimeCheckError extends VernalError {}

/** An argument that is wrong in some other way: arity, options, values. */
export class ArgumentError extends VernalError {}

/** A derivative that was asked for and does not exist. */
export class DifferentiationError extends VernalError {}

/** A broken promise inside the library: never the caller's fault. */
export class InternalError extends VernalError {}

/** Assigning to, or otherwise misusing, a Module. */
export class ModuleError extends VernalError {}

/** An axis name used outside of the transformation that binds it. */
export class AxisNameError extends VernalError {}

/** A file of saved leaves that cannot be written, or does not hold what was expected. */
export class SerialisationError extends VernalError {}

/** Where warnings go: `console.warn` unless {@linkcode setWarningHandler} chose another place. */
let warningHandler: (message: string) => void = (message) => console.warn(message);

/**
 * Sends the library's warnings somewhere else.
 *
 * @param handler Called with each warning's text.
 * @returns The handler that was in force before.
 */
export function setWarningHandler(handler: (message: string) => void): (message: string) => void {
  const previous = warningHandler;
  warningHandler = handler;
  return previous;
}

/** Reports something that works but is probably not what was meant. */
export function warn(message: string): void {
  warningHandler(message);
}
