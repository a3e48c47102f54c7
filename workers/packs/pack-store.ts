/**
 * Packs on the disk:
 *
 *   packs/<name>/journal                       which pieces are there (journal.ts)
 *   packs/<name>/files/<key>                   contents, shared by the versions of a pack
 *   packs/<name>/versions/<version>/manifest.json, record.json, LICENSE.txt
 *   packs/<name>/leftovers                     there while an update may have left something behind (leftovers.ts)
 *
 * A pack is there once its manifest is. Nothing here checks contents: what is written comes through `PackWriter`.
 */
import { z } from 'zod';
import type { Disk } from './disk.ts';
import { readSmall, writeSmall } from './disk.ts';
import { Journal, readJournal } from './journal.ts';
import { MAX_MANIFEST_BYTES } from './manifest-load.ts';
import { type PackPlan, pieceRange, planPack } from './pack-plan.ts';
import type { StoredId } from './protocol.ts';
import { sha256Hex } from './store.ts';

const ROOT = 'packs';
const MAX_RECORD_BYTES = 2 ** 20;
export const MAX_LICENCE_BYTES = 2 ** 20;

const recordSchema = z.object({
  origin: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('url'), url: z.url() }),
    z.object({ kind: z.enum(['folder', 'zip']), label: z.string() }),
  ]),
  added: z.number(),
  lastUsed: z.number().nullable(),
  /** Every piece was verified. Taken back when one turns out to be broken. */
  complete: z.boolean(),
  /** Time of the last change of each content when it was complete: another one means that it must be hashed again. */
  stamps: z.record(z.string(), z.number()),
  /** A newer version has taken its place: it goes once no engine reads it. */
  replaced: z.boolean().default(false),
});
export type PackRecord = z.infer<typeof recordSchema>;

/** Of a pack whose record was lost: its contents are fine, where it came from is not known. */
const LOST: PackRecord = {
  origin: { kind: 'folder', label: '' },
  added: 0,
  lastUsed: null,
  complete: false,
  stamps: {},
  replaced: false,
};

const versionPath = ({ name, version }: StoredId) => `${ROOT}/${name}/versions/${version}`;
const contentFolder = (name: string) => `${ROOT}/${name}/files`;
const leftoversPath = (name: string) => `${ROOT}/${name}/leftovers`;

export class PackStore {
  readonly disk: Disk;

  constructor(disk: Disk) {
    this.disk = disk;
  }

  journalPath(name: string): string {
    return `${ROOT}/${name}/journal`;
  }

  contentPath(name: string, key: string): string {
    return `${contentFolder(name)}/${key}`;
  }

  /** Of every pack whose manifest is stored. */
  async ids(): Promise<StoredId[]> {
    const ids: StoredId[] = [];
    for (const name of await this.names()) {
      for (const version of await this.versions(name)) ids.push({ name, version });
    }
    return ids;
  }

  async names(): Promise<string[]> {
    return (await this.disk.list(ROOT)).flatMap(({ name, folder }) => (folder ? [name] : []));
  }

  async versions(name: string): Promise<string[]> {
    const versions: string[] = [];
    for (const entry of await this.disk.list(`${ROOT}/${name}/versions`)) {
      const manifest = `${versionPath({ name, version: entry.name })}/manifest.json`;
      if (entry.folder && (await this.disk.stat(manifest))) versions.push(entry.name);
    }
    return versions;
  }

  /** @throws EngineError 'pack-damaged' for a manifest that does not pass; null when there is none */
  async plan(id: StoredId): Promise<PackPlan | null> {
    const bytes = await this.#manifest(id);
    return bytes && planPack(bytes);
  }

  /** Also of a manifest that does not pass; null when there is none. */
  async manifestHash(id: StoredId): Promise<string | null> {
    const bytes = await this.#manifest(id);
    return bytes && sha256Hex(bytes);
  }

  async record(id: StoredId): Promise<PackRecord> {
    const bytes = await readSmall(this.disk, `${versionPath(id)}/record.json`, MAX_RECORD_BYTES);
    try {
      return recordSchema.parse(JSON.parse(new TextDecoder().decode(bytes ?? new Uint8Array())));
    } catch {
      return LOST;
    }
  }

  async writeRecord(id: StoredId, record: PackRecord): Promise<void> {
    await writeSmall(this.disk, `${versionPath(id)}/record.json`, encode(record));
  }

  /** The record goes first: once the manifest is there, so is what belongs to it. */
  async begin(plan: PackPlan, record: PackRecord): Promise<void> {
    await this.writeRecord(plan.id, record);
    await writeSmall(this.disk, `${versionPath(plan.id)}/manifest.json`, plan.manifestBytes);
  }

  async writeLicence(id: StoredId, text: Uint8Array): Promise<void> {
    await writeSmall(this.disk, `${versionPath(id)}/LICENSE.txt`, text);
  }

  licence(id: StoredId): Promise<Uint8Array<ArrayBuffer> | null> {
    return readSmall(this.disk, `${versionPath(id)}/LICENSE.txt`, MAX_LICENCE_BYTES);
  }

  /** Bytes of verified pieces of a plan. */
  async held(plan: PackPlan): Promise<number> {
    const pieces = await readJournal(this.disk, this.journalPath(plan.id.name));
    let held = 0;
    for (const file of plan.files) {
      for (const piece of pieces.get(file.key)?.keys() ?? []) {
        if (piece < file.pieces.length) held += pieceRange(file, piece).bytes;
      }
    }
    return held;
  }

  /** Bytes that contents take, of packs of that name. */
  async contentBytes(name: string): Promise<number> {
    let bytes = 0;
    for (const entry of await this.disk.list(contentFolder(name))) {
      bytes += (await this.disk.stat(this.contentPath(name, entry.name)))?.bytes ?? 0;
    }
    return bytes;
  }

  /**
   * Deletes a version and the contents that no other version of the pack has. The caller holds the pack's lock.
   * Answers the bytes that this frees.
   */
  async remove(id: StoredId): Promise<{ freed: number }> {
    const before = await this.contentBytes(id.name);
    await this.removeVersion(id);
    if ((await this.versions(id.name)).length === 0) {
      await this.disk.remove(`${ROOT}/${id.name}`);
      return { freed: before };
    }
    await this.removeUnused(id.name);
    return { freed: before - (await this.contentBytes(id.name)) };
  }

  /** Deletes a version, but none of its contents. The caller holds the pack's lock. */
  async removeVersion(id: StoredId): Promise<void> {
    await this.disk.remove(versionPath(id));
  }

  async noteLeftovers(name: string, may: boolean): Promise<void> {
    if (may) await writeSmall(this.disk, leftoversPath(name), encode({}));
    else await this.disk.remove(leftoversPath(name));
  }

  /** False says that nothing is left behind. */
  async hasLeftovers(name: string): Promise<boolean> {
    return (await this.disk.stat(leftoversPath(name))) !== null;
  }

  /** Deletes the contents that no version has. The caller holds the pack's lock. */
  async removeUnused(name: string): Promise<void> {
    const unused = await this.unused(name);
    if (unused.length === 0) return;
    for (const key of unused) await this.disk.remove(this.contentPath(name, key));
    const journal = await Journal.open(this.disk, this.journalPath(name));
    try {
      journal.forget(unused);
    } finally {
      journal.close();
    }
  }

  /** Contents that no version names; none while a manifest can't be read, e.g. one for another version of the app. */
  async unused(name: string): Promise<string[]> {
    const used = new Set<string>();
    for (const version of await this.versions(name)) {
      const plan = await this.plan({ name, version }).catch(() => null);
      if (!plan) return [];
      for (const file of plan.files) used.add(file.key);
    }
    const entries = await this.disk.list(contentFolder(name));
    return entries.map((entry) => entry.name).filter((key) => !used.has(key));
  }

  #manifest(id: StoredId): Promise<Uint8Array<ArrayBuffer> | null> {
    return readSmall(this.disk, `${versionPath(id)}/manifest.json`, MAX_MANIFEST_BYTES);
  }
}

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
