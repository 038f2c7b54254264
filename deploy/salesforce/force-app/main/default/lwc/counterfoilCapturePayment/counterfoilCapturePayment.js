import { LightningElement, api } from 'lwc';
import { CloseActionScreenEvent } from 'lightning/actions';
import title from '@salesforce/label/c.Counterfoil_Capture_Payment_Title';

/** The quick action "Capture Payment": the form of capture_payment in a dialog. */
export default class CounterfoilCapturePayment extends LightningElement {
    @api recordId;
    title = title;

    handleClose() {
        this.dispatchEvent(new CloseActionScreenEvent());
    }
}
