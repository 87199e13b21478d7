/**
 * The page reader's process: turns bodies into text, one per message. It has no environment, writes no file and starts
 * nothing. Started by `PageReader` only, which ends it when a page takes too long; it ends with its parent.
 */
import process from 'node:process';
import { HoldfastError } from '../../../protocol/error.ts';
import { type PageJob, type ReaderAnswer, readPage } from './page-job.ts';

async function answer(job: PageJob): Promise<ReaderAnswer> {
  try {
    return { page: await readPage(job) };
  } catch (error) {
    return { problem: HoldfastError.from(error).message };
  }
}

process.on('message', (job: PageJob) => {
  void answer(job).then((result) => process.send?.(result));
});
process.on('disconnect', () => process.exit(0));
