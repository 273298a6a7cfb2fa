// A doubtful picture has to be looked at before it is approved.

/** Why a picture is doubtful, in words; null when nothing speaks against it. The server has the rule. */
export const doubtOf = (picture) => picture.doubt ?? null;

/** The pictures of a product that are doubtful and not approved. */
export const doubtful = (product) =>
  product.images.filter((picture) => doubtOf(picture) && picture.status !== "approved");

/** Whether a picture still waits for its fidelity check. */
export const isBeingChecked = ({ fidelity }) => fidelity?.reasons[0]?.code === "not_measured_yet";

/**
 * The ids of the pictures that Approve includes by default: none that was rejected or removed, unless the
 * whole product was rejected and is reviewed again; and no doubtful one, unless it is approved already.
 */
export function keepable(product) {
  const there = product.images.filter((picture) => !picture.removed_at);
  const standing = there.filter((picture) => picture.status !== "rejected");
  return (standing.length ? standing : there)
    .filter((picture) => picture.status === "approved" || !doubtOf(picture))
    .map((picture) => picture.id);
}
