// Doubt: a picture that somebody has to look at before it is approved.

/** Why a picture is doubtful, in words; null when nothing speaks against it. */
export const doubtOf = (picture) => picture.warning ?? null;

/** The pictures of a product that are doubtful and not approved. */
export const doubtful = (product) =>
  product.images.filter((picture) => doubtOf(picture) && picture.status !== "approved");

/**
 * The ids of the pictures that approving takes before the reviewer chooses: none that was rejected or
 * removed, unless the whole product was rejected and is judged again; and none with a doubt, unless it is
 * approved already.
 */
export function keepable(product) {
  const there = product.images.filter((picture) => !picture.removed_at);
  const standing = there.filter((picture) => picture.status !== "rejected");
  return (standing.length ? standing : there)
    .filter((picture) => picture.status === "approved" || !doubtOf(picture))
    .map((picture) => picture.id);
}
