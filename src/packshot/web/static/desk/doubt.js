// A doubtful picture must be seen before it is approved.

/** Why a picture is doubtful, in words; null when nothing speaks against it. The server has the rule. */
export const doubtOf = (picture) => picture.doubt ?? null;

/** Whether a reviewer approved it after the doubt was known. */
const isApproved = ({ status, found_after_approval }) => status === "approved" && !found_after_approval;

/** The pictures of a product that are doubtful, and that nobody approved knowing that. */
export const doubtful = (product) =>
  product.images.filter((picture) => doubtOf(picture) && !isApproved(picture));

/** The pictures that were approved before their check ended, and in which it found something. */
export const foundAfterApproval = (product) =>
  product.images.filter((picture) => picture.found_after_approval && picture.round === product.round);

/** Whether a picture still waits for its fidelity check, or is made again after one. */
export const isBeingChecked = ({ fidelity, remake }) =>
  remake?.going_on || fidelity?.reasons[0]?.code === "not_measured_yet";

/** Whether two states of a product show the same pictures: what is made again keeps its id. */
export const samePictures = (before, now) =>
  before.images.length === now.images.length &&
  before.images.every(
    ({ id, sha256 }, place) => now.images[place].id === id && now.images[place].sha256 === sha256,
  );

/**
 * The ids of the pictures that Approve includes by default: none that was rejected or removed, unless the
 * whole product was rejected and is reviewed again; and no doubtful one, unless it was approved as such.
 */
export function keepable(product) {
  const there = product.images.filter((picture) => !picture.removed_at);
  const standing = there.filter((picture) => picture.status !== "rejected");
  return (standing.length ? standing : there)
    .filter((picture) => isApproved(picture) || !doubtOf(picture))
    .map((picture) => picture.id);
}
