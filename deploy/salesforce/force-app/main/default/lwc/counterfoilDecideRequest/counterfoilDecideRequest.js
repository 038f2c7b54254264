import { LightningElement, api } from 'lwc';
import { CloseActionScreenEvent } from 'lightning/actions';
import { notifyRecordUpdateAvailable } from 'lightning/uiRecordApi';
import problemOf from '@salesforce/apex/CounterfoilDecision.problemOf';
import send from '@salesforce/apex/CounterfoilDecision.send';
import approve from '@salesforce/label/c.Counterfoil_Approve';
import close from '@salesforce/label/c.Counterfoil_Close';
import loading from '@salesforce/label/c.Counterfoil_Loading';
import note from '@salesforce/label/c.Counterfoil_Note';
import reject from '@salesforce/label/c.Counterfoil_Reject';
import sent from '@salesforce/label/c.Counterfoil_Decision_Sent';
import title from '@salesforce/label/c.Counterfoil_Approve_Title';
import unexpected from '@salesforce/label/c.Counterfoil_Unexpected';

// When the record is read again after the decision: Counterfoil writes what became of it within seconds.
const REFRESHES_MS = [2000, 5000, 15000];

/** The quick action "Approve or Reject" of a payment request that waits for a second person. */
export default class CounterfoilDecideRequest extends LightningElement {
    labels = { approve, close, loading, note, reject, sent, title };
    note = '';
    problem;
    isForm = false;
    isLoading = false;
    isSent = false;
    _recordId;

    @api
    get recordId() {
        return this._recordId;
    }
    set recordId(value) {
        this._recordId = value;
        this.guarded(async () => {
            this.problem = await problemOf({ recordId: value });
            this.isForm = !this.problem;
        });
    }

    handleNote(event) {
        this.note = event.detail.value;
    }

    handleApprove() {
        return this.decide(true);
    }

    handleReject() {
        return this.decide(false);
    }

    handleClose() {
        this.dispatchEvent(new CloseActionScreenEvent());
    }

    async decide(isApproved) {
        if (this.isLoading) {
            return;
        }
        await this.guarded(async () => {
            await send({ recordId: this.recordId, isApproved, note: this.note });
            this.isForm = false;
            this.isSent = true;
            const changed = [{ recordId: this.recordId }];
            // eslint-disable-next-line @lwc/lwc/no-async-operation -- the record changes later, and tells nobody
            REFRESHES_MS.forEach((delay) => setTimeout(() => notifyRecordUpdateAvailable(changed), delay));
        });
    }

    async guarded(work) {
        this.isLoading = true;
        this.problem = undefined;
        try {
            await work();
        } catch (error) {
            this.problem = error?.body?.message ?? unexpected;
        } finally {
            this.isLoading = false;
        }
    }
}
