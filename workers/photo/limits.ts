/** The largest photo that is opened, in px: about 8 bytes a px are held at the peak of a job. */
export const MAX_PIXELS = 120_000_000;
