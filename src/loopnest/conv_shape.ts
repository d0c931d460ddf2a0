/**
 * What a convolution is, in numbers.
 *
 * @module
 */

/** One spatial axis; strides in elements. */
export interface ConvAxis {
  /** Elements of the operand, of the window and of the output. */
  readonly size: number;
  readonly window: number;
  readonly count: number;
  readonly stride: number;
  /** Padding before the first element. */
  readonly low: number;
  readonly baseDilation: number;
  readonly windowDilation: number;
  /** Whether the kernel is read backwards. */
  readonly reversed: boolean;
  readonly xStride: number;
  readonly wStride: number;
  readonly outStride: number;
}

/** A convolution in one group of features or examples at a time; strides in elements. */
export interface ConvShape {
  readonly groups: number;
  readonly groupStride: { readonly x: number; readonly w: number; readonly out: number };
  /** Output features of one group: the rows of the product. */
  readonly rows: number;
  readonly rowStride: { readonly w: number; readonly out: number };
  /** Examples of one group. */
  readonly batch: number;
  readonly batchStride: { readonly x: number; readonly out: number };
  /** Input features of one group. */
  readonly features: number;
  readonly featureStride: { readonly x: number; readonly w: number };
  readonly axes: readonly ConvAxis[];
}
