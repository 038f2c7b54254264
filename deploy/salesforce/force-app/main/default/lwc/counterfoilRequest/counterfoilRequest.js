import { LightningElement, api } from 'lwc';
import { notifyRecordUpdateAvailable } from 'lightning/uiRecordApi';
import open from '@salesforce/apex/CounterfoilForm.open';
import ask from '@salesforce/apex/CounterfoilForm.ask';
import readAnswer from '@salesforce/apex/CounterfoilForm.answer';
import { LABELS, TITLES, fill } from './labels';
import { OPERATIONS } from './operations';
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
    entered = {};
    form;
    problem;
    answer;
    isLoading = false;
    isWaiting = false;
    isGone = false;
    _recordId;
    _operation;

    /** Id of the record it was opened on. A quick action hands it in only after the form was connected. */
    @api
    get recordId() {
        return this._recordId;
    }
    set recordId(value) {
        this._recordId = value;
        this.load();
    }

    /** What is asked for, in the words of Payment_Request__e: create_payment, refund_payment and so on. */
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
    get target() {
        const found = (this.form.targets ?? []).find((one) => one.targetId === this.entered.targetId);
        return found ?? {};
    }
    get targetLabel() {
        return this.operation.endsWith('_payment') ? this.labels.payment : this.labels.invoice;
    }
    get targetOptions() {
        return this.form.targets.map((one) => ({
            label: `${one.name}: ${one.amount} ${one.currencyCode}, ${one.status.replaceAll('_', ' ')}`,
            value: one.targetId
        }));
    }
    get choices() {
        return (this.config.choices ?? []).map((one) => ({ ...one, value: this.entered[one.name] }));
    }
    get isAskedBefore() {
        return Boolean(this.config.further && this.form.status);
    }
    get furtherLabel() {
        return fill(this.config.further, this.form.status.replaceAll('_', ' '));
    }
    get amountLabel() {
        return fill(this.labels.amount, this.target.currencyCode);
    }
    get amountHelp() {
        return fill(this.labels.amountHelp, this.target.left, this.target.currencyCode);
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
            const first = (this.config.choices ?? []).map((one) => [one.name, one.options[0].value]);
            this.entered = { version: this.form.version, ...Object.fromEntries(first) };
            if (this.form.targets?.length === 1) {
                this.entered.targetId = this.form.targets[0].targetId;
            }
        });
    }

    handleChange(event) {
        this.entered = { ...this.entered, [event.target.name]: event.detail.value };
    }

    handleHeld(event) {
        this.entered = { ...this.entered, captureMethod: event.target.checked ? 'manual' : undefined };
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
            const entered = { ...this.entered, currencyCode: this.target.currencyCode };
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
