export function findExiftool(): boolean;
