/** What a page looks like, and what axe says of it. */
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page, test } from '@playwright/test';

const SIZES = [
  { width: 360, height: 740 },
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
];

/** axe finds nothing on the page, or within the elements of a selector. */
export async function expectNoViolations(page: Page, within?: string, where?: string): Promise<void> {
  const axe = new AxeBuilder({ page });
  const { violations } = await (within ? axe.include(within) : axe).analyze();
  const short = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
  expect(short, where).toEqual([]);
}

/** Keeps screenshots in both themes at three sizes; axe looks at the phone and the laptop. */
export async function keepLooks(page: Page, name: string): Promise<void> {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const size of SIZES) {
      await page.setViewportSize(size);
      // Fading parts would be measured half transparent.
      await page.waitForTimeout(350);
      await page.screenshot({ path: test.info().outputPath(`${name}-${scheme}-${size.width}.png`) });
      if (size.width < 1920) await expectNoViolations(page);
    }
  }
}
