/** The thread that writes checkpoints, so that a job does not wait for the disk. All of it is in `checkpoint/`. */
import './trusted-types.ts';
import { expose } from 'comlink';
import { CheckpointService } from './checkpoint/service.ts';

expose(new CheckpointService());
