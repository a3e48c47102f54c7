/** Entry of a thread of the pack builder: does tasks and answers. */
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { type Task, TaskRunner } from './task.ts';

const { folder } = z.object({ folder: z.string() }).parse(workerData);
const runner = new TaskRunner(folder);

parentPort?.on('message', (message: { id: number; task: Task }) => {
  const { id, task } = message;
  try {
    parentPort?.postMessage({ id, result: runner.run(task) });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    parentPort?.postMessage({ id, error: error instanceof Error ? error.message : String(error), code });
  }
});
