// Waiting for the answer: Counterfoil writes it to Payment_Request__c, usually within seconds.
import { LABELS } from './labels';

// Half a minute of asking often, then rarely: three minutes in all. An answer that comes later stands on the record.
export const DELAYS_MS = [1000, 1000, 2000, 2000, 3000, 3000, 5000, 5000, 8000, 10000, 20000, 30000, 45000, 45000];

const OPEN = new Set(['Under_Way', 'Unknown']);

/**
 * Asks until the request has ended or waits for a person.
 * @param ask returns a promise of the answer so far, null if there is none; a failed question is asked again
 * @param isOver returns true once nobody waits any more
 * @returns the answer; null if there was none in time
 */
export async function waitForAnswer(ask, isOver) {
    for (const delay of DELAYS_MS) {
        // eslint-disable-next-line no-await-in-loop, @lwc/lwc/no-async-operation -- one question at a time, with pauses
        await new Promise((resolve) => setTimeout(resolve, delay));
        if (isOver()) {
            return null;
        }
        // eslint-disable-next-line no-await-in-loop -- as above
        const answer = await ask().catch(() => null);
        if (answer && !OPEN.has(answer.status)) {
            return answer;
        }
    }
    return null;
}

/** Returns what a person is told of an answer: the words, and whether it is good news, bad news or neither. */
export function inWords(answer) {
    if (!answer) {
        return { text: LABELS.stillWaiting, variant: 'info' };
    }
    if (answer.status === 'Succeeded') {
        return { text: LABELS.succeeded, variant: 'success', link: answer.link };
    }
    if (answer.status === 'Waiting_For_Approval') {
        return { text: LABELS.waitingForApproval, variant: 'info' };
    }
    return { text: answer.error ? `${LABELS.notDone} ${answer.error}` : LABELS.notDone, variant: 'error' };
}
