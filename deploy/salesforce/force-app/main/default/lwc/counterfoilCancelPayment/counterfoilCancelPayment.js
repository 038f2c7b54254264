import { LightningElement, api } from 'lwc';
import { CloseActionScreenEvent } from 'lightning/actions';
import title from '@salesforce/label/c.Counterfoil_Cancel_Payment_Title';

/** The quick action "Cancel Payment": the form of cancel_payment in a dialog. */
export default class CounterfoilCancelPayment extends LightningElement {
    @api recordId;
    title = title;

    handleClose() {
        this.dispatchEvent(new CloseActionScreenEvent());
    }
}
