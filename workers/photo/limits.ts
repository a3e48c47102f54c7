/** The largest photo that is opened, in px: about 7 bytes a px are held at the peak of a job. */
export const MAX_PIXELS = 50_000_000;
