// What the caller's key allows, as the server says in the page.

export const mayReview = () => "mayReview" in document.body.dataset;
export const mayDelete = () => "mayDelete" in document.body.dataset;
export const maySubmit = () => "maySubmit" in document.body.dataset;
export const mayEdit = () => mayReview() || maySubmit();
