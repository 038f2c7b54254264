import { LightningElement, api } from 'lwc';
import { notifyRecordUpdateAvailable } from 'lightning/uiRecordApi';
import open from '@salesforce/apex/CounterfoilForm.open';
import ask from '@salesforce/apex/CounterfoilForm.ask';
import readAnswer from '@salesforce/apex/CounterfoilForm.answer';
import { LABELS, TITLES, fill } from './labels';
import { METHODS, OPERATIONS } from './operations';
import { inWords, waitForAnswer } from './answers';

/**
 * The form of one request: it shows what can be entered, sends it once, and waits for the answer.
 *
 * A second click, or one after a lost connection, sends the same request, which is carried out once: the version is the
 * form's. Another request needs the form to be opened anew.
 *
 * @fires close when the person is done with it
 */
export default class CounterfoilRequest extends LightningElement {
    labels = LABELS;
    methods = METHODS;
    entered = {};
    form;
    problem;
    answer;
    isHeld = false;
    isLoading = false;
    isWaiting = false;
    isGone = false;
    _recordId;
    _operation;

    /** Id of the Opportunity, Order or Payment__c. A quick action hands it in only after it was connected. */
    @api
    get recordId() {
        return this._recordId;
    }
    set recordId(value) {
        this._recordId = value;
        this.load();
    }

    /** create_payment, capture_payment, cancel_payment or refund_payment. */
    @api
    get operation() {
        return this._operation;
    }
    set operation(value) {
        this._operation = value;
        this.load();
    }

    connectedCallback() {
        this.isGone = false;
    }

    disconnectedCallback() {
        this.isGone = true;
    }

    get config() {
        return OPERATIONS[this.operation] ?? {};
    }
    get title() {
        return TITLES[this.operation];
    }
    get isForm() {
        return Boolean(this.form) && !this.form.problem && !this.isWaiting && !this.answer;
    }
    get amountOfRecord() {
        return this.config.hasMethod ? this.form.amount : null;
    }
    get hasPayments() {
        return Boolean(this.form.payments);
    }
    get payment() {
        const found = (this.form.payments ?? []).find((one) => one.paymentIntentId === this.entered.paymentIntentId);
        return found ?? {};
    }
    get paymentOptions() {
        return this.form.payments.map((one) => ({
            label: `${one.name}: ${one.amount} ${one.currencyCode}, ${one.status.replaceAll('_', ' ')}`,
            value: one.paymentIntentId
        }));
    }
    get isAskedBefore() {
        return Boolean(this.form.status);
    }
    get furtherLabel() {
        return fill(this.labels.further, this.form.status.replaceAll('_', ' '));
    }
    get amountLabel() {
        return fill(this.labels.amount, this.payment.currencyCode);
    }
    get amountHelp() {
        return fill(this.labels.amountHelp, this.payment.left, this.payment.currencyCode);
    }
    get answerClass() {
        const colours = { success: 'slds-text-color_success', error: 'slds-text-color_error' };
        return colours[this.answer.variant] ?? 'slds-text-color_default';
    }

    async load() {
        if (!this.recordId || !this.operation) {
            return;
        }
        await this.guarded(async () => {
            this.form = await open({ recordId: this.recordId, operation: this.operation });
            this.problem = this.form.problem;
            this.entered = { version: this.form.version };
            if (this.config.hasMethod) {
                this.entered.method = METHODS[0].value;
            }
            if (this.form.payments?.length === 1) {
                this.entered.paymentIntentId = this.form.payments[0].paymentIntentId;
            }
        });
    }

    handleChange(event) {
        this.entered = { ...this.entered, [event.target.name]: event.detail.value };
    }

    handleHeld(event) {
        this.isHeld = event.target.checked;
        this.entered = { ...this.entered, captureMethod: this.isHeld ? 'manual' : undefined };
    }

    handleFurther(event) {
        this.entered = { ...this.entered, isFurther: event.target.checked };
    }

    handleClose() {
        this.dispatchEvent(new CustomEvent('close'));
    }

    async handleSend() {
        const inputs = [...this.template.querySelectorAll('lightning-input, lightning-combobox')];
        // Every input is asked, so that each shows what is wrong with it.
        if (this.isLoading || inputs.filter((input) => !input.reportValidity()).length > 0) {
            return;
        }
        await this.guarded(async () => {
            const entered = { ...this.entered, currencyCode: this.payment.currencyCode };
            const about = { recordId: this.recordId, operation: this.operation };
            const version = await ask({ ...about, entered });
            this.isLoading = false;
            this.isWaiting = true;
            const found = await waitForAnswer(
                () => readAnswer({ ...about, version }),
                () => this.isGone
            );
            this.answer = inWords(found);
            if (!this.isGone) {
                await notifyRecordUpdateAvailable([{ recordId: this.recordId }]);
            }
        });
    }

    async guarded(work) {
        this.isLoading = true;
        this.problem = undefined;
        try {
            await work();
        } catch (error) {
            this.problem = error?.body?.message ?? this.labels.unexpected;
        } finally {
            this.isLoading = false;
            this.isWaiting = false;
        }
    }
}
