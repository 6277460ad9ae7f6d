*** Settings ***
Documentation       What a robot posts in a minute or more: each task some invoices, each invoice five steps.
Library             Desk.py


*** Variables ***
${INVOICES}         25


*** Tasks ***
Post Travel
    Post Invoices    1000

Post Rent
    Post Invoices    2000

Post Energy
    Post Invoices    3000

Post Licences
    Post Invoices    4000

Post Repairs
    Post Invoices    5000

Post Freight
    Post Invoices    6000

Post Insurance
    Post Invoices    7000

Post Material
    Post Invoices    8000


*** Keywords ***
Post Invoices
    [Arguments]    ${first}
    FOR    ${n}    IN RANGE    ${INVOICES}
        Post Invoice    ${${first} + ${n}}
    END

Post Invoice
    [Arguments]    ${number}
    ${invoice}=    Open Invoice    ${number}
    ${lines}=    Read Lines    ${invoice}
    ${total}=    Add Up    ${lines}
    Type Amount    ${total}
    Save    ${invoice}
