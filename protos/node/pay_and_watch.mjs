// Asks for a payment page of a Salesforce record, and watches until the payment stands in Salesforce.
//
//     node pay_and_watch.mjs ADDRESS ENTITY RECORD_ID [FOLDER OF THE CONTRACTS]
//
// Every line it prints is a JSON object. Whenever the watch ends before the payment does, it goes on from its newest
// token, so nothing is missed. Elsewhere than on one machine: credentials.createSsl(roots, key, certificate), and a
// Metadata with "authorization: Bearer ..." as second argument of each call.

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { credentials, loadPackageDefinition, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const [address, entity, record_id, contracts = fileURLToPath(new URL('..', import.meta.url))] = process.argv.slice(2);
const FILES = ['payments_service', 'operations_service'].map((name) => `counterfoil/v1/${name}.proto`);
const READING = { includeDirs: [contracts], keepCase: true, enums: String, longs: String };
const { PaymentsService, OperationsService } = loadPackageDefinition(loadSync(FILES, READING)).counterfoil.v1;

const payments = new PaymentsService(address, credentials.createInsecure());
const operations = new OperationsService(address, credentials.createInsecure());
const TRY_AGAIN = [status.UNAVAILABLE, status.RESOURCE_EXHAUSTED];

const within = (seconds) => ({ deadline: Date.now() + seconds * 1000 });
const say = (told) => console.log(JSON.stringify(told));

function call(client, method, request) {
    return promisify(client[method]).call(client, request, within(30));
}

/** Calls again with the same request while that may help; the same `request_id` makes it safe. */
async function ask(client, method, request, tries = 5) {
    for (let pauseMs = 200; ; pauseMs *= 2) {
        try {
            return await call(client, method, request);
        } catch (error) {
            if (!TRY_AGAIN.includes(error.code) || --tries === 0) throw error;
            await pause(pauseMs);
        }
    }
}

/** Yields each message of the watch, for ever; one without a payment is a sign of life. */
async function* watch() {
    let resume_token = '';
    for (;;) {
        const stream = payments.WatchPayments({ entity, record_id, resume_token });
        stream.on('error', () => {}); // told by the loop; a cancelled stream has nobody left to tell
        try {
            for await (const message of stream) {
                ({ resume_token } = message);
                yield message;
            }
        } catch (error) {
            if (!TRY_AGAIN.includes(error.code)) throw error;
            await pause(1000);
        } finally {
            stream.cancel();
        }
    }
}

async function untilSalesforceHolds(id) {
    while (!(await ask(operations, 'GetSyncState', { entity, id })).in_sync) await pause(200);
}

let asked = false;
for await (const { payment } of watch()) {
    if (!asked) {
        // The first message says that the watch has begun: from here on no change is missed.
        asked = true;
        const wish = { entity, record_id, hosted_checkout: {}, request_id: randomUUID() };
        const { payment: made, replayed } = await ask(payments, 'CreatePayment', wish);
        say({ asked: made.payment_id, replayed, pay_at: made.checkout_url, amount: made.amount });
    }
    if (payment) say({ payment: payment.payment_id, state: payment.state, received: payment.amount_received });
    if (payment?.state === 'STATE_PAID') {
        await untilSalesforceHolds(payment.payment_id);
        say({ in_salesforce: payment.record_id });
        break;
    }
}
payments.close();
operations.close();
