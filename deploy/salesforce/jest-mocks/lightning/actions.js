// lightning/actions, which @salesforce/sfdx-lwc-jest has no stand-in for.
export class CloseActionScreenEvent extends CustomEvent {
    constructor() {
        super('lightning__actionsclosescreen', { bubbles: true, composed: true, cancelable: true });
    }
}
