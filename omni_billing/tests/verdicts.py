"""What was decided about each door of Odoo that leads to our records.

`test_doors.py` compares this with what there is. A verdict says *safe*, or names what
holds the door: whoever adds one has looked for that, and for the test that shows it.
"""

#: Models that we extend, and those that write on our records: their public methods,
#: and those of their mixins, can be called by RPC.
MODELS = """
    account.account account.analytic.line account.automatic.entry.wizard
    account.bank.statement.line account.fiscal.position account.full.reconcile
    account.journal account.move account.move.line account.move.reversal
    account.move.send.batch.wizard account.move.send.wizard account.partial.reconcile
    account.payment account.payment.method.line account.payment.register
    account.resequence.wizard account.secure.entries.wizard account.tax
    account.tax.repartition.line
    base.partner.merge.automatic.wizard ir.actions.report ir.attachment
    mail.compose.message payment.capture.wizard payment.link.wizard payment.method
    payment.provider payment.refund.wizard payment.token payment.transaction
    portal.wizard portal.wizard.user product.template res.company res.config.settings
    res.currency res.partner res.users uom.uom validate.account.move
"""

#: By verdict and by who may come (Odoo's ``auth``); ``*`` is any value.
ROUTES = {
    "ours: test_http_*, tests/attacks": {
        "public": """
            /my/billing/account/* /my/billing/account/*/verify
            /my/billing/card/* /my/billing/card/*/account /my/billing/card/*/transaction
            /my/billing/invoices/* /my/billing/invoices/*/pay /my/billing/invoices/*/pdf
            /my/billing/pay/transaction/* /omni_billing/mailjet/*
            /omni_billing/metrics
            /payment/stripe/webhook
        """,
        "user": """
            /billing/bulk/*/invoices.* /my/billing /my/billing/activity
            /my/billing/activity/page/* /my/billing/addresses/*/*
            /my/billing/cards /my/billing/cards/*/* /my/billing/cards/account
            /my/billing/cards/transaction
            /my/billing/invoices
            /my/billing/invoices/page/* /my/billing/pay /my/billing/pay/charge
            /my/billing/pay/check /my/billing/pay/credit /my/billing/people
            /my/billing/people/*/* /my/billing/people/invite
            /my/billing/services /my/billing/services/*
            /my/billing/services/*/* /my/billing/services/*/plan
            /my/billing/statement
            /my/billing/transactions /my/billing/transactions/*/report
            /my/billing/transactions/page/*
        """,
        "bearer": "/crm/invoice/*/pdf",
    },
    "guarded by payment.transaction and payment.token, whichever page asks": {
        "public": """
            /invoice/transaction/* /invoice/transaction/overdue /payment/confirmation
            /payment/pay /payment/status /payment/status/poll /payment/stripe/return
            /payment/transaction
        """,
        "user": "/my/payment_method /payment/archive_token",
    },
    "guarded by the rules of account.move, or by the token of the link": {
        "public": """
            /my/invoices/* /my/invoices/overdue /my/journal/*/unsubscribe
        """,
        "user": "/my/invoices /my/invoices/page/*",
    },
    "safe: one's own page; addresses are guarded by res.partner": {
        "public": """
            /my/address/country_info/* /portal/attachment/remove /portal/chatter_init
        """,
        "user": """
            /my /my/account /my/address /my/address/archive /my/address/submit
            /my/addresses /my/counters /my/deactivate_account /my/home /my/security
        """,
    },
    "guarded by rights, rules, and the methods of the models (below)": {
        "none": "/json/version /jsonrpc /xmlrpc/* /xmlrpc/2/*",
        "public": "/json/2 /json/2/*",
        "user": """
            /bus/get_model_definitions /doc /doc/* /doc/*.json /doc/index.html
            /doc/index.json /json/* /web/action/load /web/action/load_breadcrumbs
            /web/action/run /web/dataset/call_button /web/dataset/call_button/*
            /web/dataset/call_kw /web/dataset/call_kw/* /web/domain/validate
            /web/export/csv /web/export/formats /web/export/get_fields
            /web/export/namelist /web/export/xlsx /web/model/get_definitions
            /web/pivot/export_xlsx /web/view/edit_custom
        """,
        "bearer": """
            /doc-bearer/*.json /doc-bearer/index.json /json/1/* /json/2/*/*
        """,
    },
    "guarded by the right to read the record, or by its token": {
        "none": "/web/filestore/*",
        "public": """
            /mail/attachment/delete /mail/attachment/pdf_first_page/*
            /mail/attachment/update_thumbnail /mail/attachment/upload
            /mail/attachment/zip /report/barcode /report/barcode/*/* /web/content
            /web/content/* /web/content/*/* /web/content/*/*/* /web/content/*/*/*/*
            /web/image /web/image/* /web/image/*-* /web/image/*-*/* /web/image/*-*/*x*
            /web/image/*-*/*x*/* /web/image/*/* /web/image/*/*/* /web/image/*/*/*/*
            /web/image/*/*/*/*x* /web/image/*/*/*/*x*/* /web/image/*/*x*
            /web/image/*/*x*/*
        """,
        "user": """
            /account/download_invoice_attachments/*
            /account/download_invoice_documents/*/* /account/download_move_attachments/*
            /report/*/* /report/*/*/* /report/check_wkhtmltopdf /report/download
            /web/binary/upload_attachment /web/partner/vcard
            /web_enterprise/partner/*/vcard
        """,
    },
    "guarded by the right to read the thread's record, or by its token": {
        "public": """
            /chat/* /chat/*/* /discuss/channel/* /discuss/channel/attachments
            /discuss/channel/join /discuss/channel/mark_as_read /discuss/channel/members
            /discuss/channel/messages /discuss/channel/notify_typing
            /discuss/channel/ping /discuss/channel/pinned_messages
            /discuss/channel/set_new_message_separator
            /discuss/channel/sub_channel/create /discuss/channel/sub_channel/fetch
            /discuss/search /discuss/voice/worklet_processor /mail/action
            /mail/avatar/mail.message/*/author_avatar/*x* /mail/chatter_fetch /mail/data
            /mail/guest/update_name /mail/link_preview /mail/link_preview/hide
            /mail/message/* /mail/message/post /mail/message/reaction
            /mail/message/update_content /mail/rtc/audio_worklet_processor_v2
            /mail/rtc/channel/cancel_call_invitation /mail/rtc/channel/join_call
            /mail/rtc/channel/leave_call /mail/rtc/session/notify_call_members
            /mail/rtc/session/update_and_broadcast /mail/unfollow /mail/view /meet/*
            /meet/*/* /websocket/update_bus_presence
        """,
        "user": """
            /discuss/channel/sub_channel/delete /discuss/channel/update_avatar
            /discuss/gif/add_favorite /discuss/gif/categories /discuss/gif/favorites
            /discuss/gif/remove_favorite /discuss/gif/search
            /discuss/settings/custom_notifications /discuss/settings/mute
            /mail/history/messages /mail/inbox/messages /mail/message/translate
            /mail/partner/from_email /mail/read_subscription_data
            /mail/rtc/channel/upgrade_connection /mail/set_manual_im_status
            /mail/starred/messages /mail/thread/messages /mail/thread/recipients
            /mail/thread/recipients/fields
            /mail/thread/recipients/get_suggested_recipients /mail/thread/subscribe
            /mail/thread/unsubscribe /mail/update_is_internal
        """,
    },
    "safe: who one is; nothing of ours": {
        "none": """
            / /odoo /odoo/* /scoped_app/* /web /web/database/backup
            /web/database/change_password /web/database/create /web/database/drop
            /web/database/duplicate /web/database/list /web/database/manager
            /web/database/restore /web/database/selector /web/login
            /web/session/authenticate /web/session/get_lang_list /web/session/logout
        """,
        "public": """
            /auth/passkey/start-auth /web/login/totp /web/reset_password /web/signup
        """,
        "user": """
            /web/become /web/login_successful /web/session/account /web/session/check
            /web/session/destroy /web/session/get_session_info /web/session/modules
        """,
    },
    "safe: what employees may; nothing of ours": {
        "none": "/base_import_module/login_upload",
        "public": """
            /dashboard/data/*/* /dashboard/download/*/* /dashboard/share/*/*
            /digest/*/unsubscribe /digest/*/unsubscribe_oneclik
            /html_editor/image_shape/*/*/* /html_editor/link_preview_external
            /html_editor/shape/*/* /sms/status /web_editor/image_shape/*/*/*
            /web_editor/shape/*/* /web_unsplash/get_app_id
        """,
        "user": """
            /account/init_tests_shared_js_python /account/post_tests_shared_js_python
            /base_import/set_file /base_setup/data /base_setup/demo_active
            /digest/*/set_periodicity /google_gmail/confirm /google_gmail/iap_confirm
            /html_editor/attachment/add_data /html_editor/attachment/add_url
            /html_editor/attachment/remove /html_editor/bus_broadcast
            /html_editor/generate_text /html_editor/get_ice_servers
            /html_editor/get_image_info /html_editor/link_preview_internal
            /html_editor/media_library_search /html_editor/modify_image/*
            /html_editor/save_library_media /html_editor/video_url/data
            /microsoft_outlook/confirm /microsoft_outlook/iap_confirm
            /payment/stripe/onboarding/refresh /payment/stripe/onboarding/return
            /product/catalog/create_section /product/catalog/get_sections
            /product/catalog/order_lines_info /product/catalog/resequence_sections
            /product/catalog/update_order_line_info /product/document/upload
            /product/export/pricelist/ /spreadsheet/dashboard/data/*
            /web_editor/attachment/add_data /web_editor/attachment/add_url
            /web_editor/bus_broadcast /web_editor/generate_text
            /web_editor/get_ice_servers /web_editor/get_image_info
            /web_editor/modify_image/* /web_editor/save_library_media
            /web_editor/video_url/data /web_unsplash/attachment/add
            /web_unsplash/fetch_images /web_unsplash/save_unsplash
        """,
    },
    "safe: nothing of anybody": {
        "none": """
            /logo /logo.png /mail/font_to_img/* /mail/font_to_img/*/*
            /mail/font_to_img/*/*/* /mail/font_to_img/*/*/*/*
            /mail/font_to_img/*/*/*/*x* /mail/font_to_img/*/*/*/*x*/*
            /mail/font_to_img/*/*/*x* /mail/font_to_img/*/*/*x*/* /robots.txt
            /web/binary/company_logo /web/health /web/sign/get_fonts
            /web/sign/get_fonts/* /web/version /web/webclient/bootstrap_translations
            /web/webclient/version_info /web_editor/font_to_img/*
            /web_editor/font_to_img/*/* /web_editor/font_to_img/*/*/*
            /web_editor/font_to_img/*/*/*/* /web_editor/font_to_img/*/*/*/*x*
            /web_editor/font_to_img/*/*/*/*x*/* /web_editor/font_to_img/*/*/*x*
            /web_editor/font_to_img/*/*/*x*/* /websocket/health
        """,
        "public": """
            /.well-known/apple-developer-merchantid-domain-association
            /bus/has_missed_notifications /bus/websocket_worker_bundle /odoo/offline
            /scoped_app /scoped_app_icon_png /terms /web/assets/*/* /web/bundle/*
            /web/manifest.scoped_app_manifest /web/manifest.webmanifest
            /web/service-worker.js /web/set_profiling /web/webclient/translations
            /website/translations /websocket /websocket/on_closed
            /websocket/peek_notifications
        """,
        "user": """
            /web/profile_config/* /web/speedscope/* /web/tests /web/tests/legacy
            /web/webclient/load_menus
        """,
    },
}

READS = "safe: reads, computes or opens, under the rights of who asks"
WRITES = "guarded by write, create and unlink of the model, which say what may change"
MONEY = "guarded by payment.transaction: rights, and what may still be paid or returned"
BOOKS = "guarded by account.payment: what Stripe took stays booked"
MATCHES = (
    "safe: matches payments that are booked, and undoes that, by rights on invoices"
)
POSTS = "guarded by account.move: a transaction is on one live invoice"
GATEWAY = "guarded by mail.thread: only administrators name what a mail is written on"
SIGNUP = "Odoo's: with free sign-up employees make links, as docs/reliability.md says"
TALKS = "guarded by the right to the record that is written about"
SELF = "safe: one's own login, or an administrator's work"
ADMIN = "guarded by the rights of an administrator"

#: By model or mixin that has a method first, and by verdict.
METHODS = {
    "BaseModel": {
        READS: """
            check_access_rights check_access_rule check_field_access_rights copy_data
            default_get export_data fields_get get_base_url get_external_id
            get_field_translations get_metadata get_property_definition has_access
            is_transient name_search onchange read read_group search search_count
            search_read
        """,
        WRITES: """
            action_archive action_unarchive copy copy_translations create load
            name_create toggle_active unlink update_field_translations write
        """,
    },
    "base": {
        READS: """
            formatted_read_group formatted_read_grouping_sets get_empty_list_help
            get_formview_action get_formview_id get_import_templates get_view get_views
            mail_allowed_qweb_expressions mail_get_partner_fields read_progress_bar
            search_panel_select_multi_range search_panel_select_range view_header_get
            web_name_search web_read web_read_group web_search_read
        """,
        WRITES: "web_override_translations web_resequence web_save web_save_multi",
    },
    "account.account": {
        READS: """
            action_open_related_taxes get_account_group spreadsheet_fetch_balance_tag
            spreadsheet_fetch_debit_credit spreadsheet_fetch_partner_balance
            spreadsheet_fetch_residual_amount spreadsheet_move_line_action
        """,
        WRITES: "action_unmerge",
    },
    "account.analytic.line": {READS: "on_change_unit_amount"},
    "account.automatic.entry.wizard": {WRITES: "do_action"},
    "account.bank.statement.line": {MATCHES: "action_undo_reconciliation"},
    "account.fiscal.position": {
        READS: "action_open_related_taxes map_account map_tax",
        WRITES: "action_create_foreign_taxes",
    },
    "account.journal": {
        READS: """
            action_configure_bank_journal action_create_new action_create_vendor_bill
            create_customer_payment create_supplier_payment is_sample_action_available
            open_action open_action_with_context open_bank_difference_action
            open_invalid_statements_action open_payments_action show_sequence_holes
            show_unhashed_entries to_check_ids
        """,
        WRITES: """
            button_fetch_in_einvoices button_refresh_out_einvoices_status
            button_unsubscribe_from_invoice_notifications create_bank_statement
            create_document_from_attachment set_bank_account
        """,
        POSTS: "action_post_all_entries",
    },
    "account.move": {
        READS: """
            action_force_register_payment action_invoice_download_pdf
            action_invoice_download_ubl action_invoice_sent action_move_download_all
            action_open_business_doc action_print_pdf action_register_payment
            action_reverse action_send_and_print action_view_payment_transactions
            check_move_sequence_chain check_selected_moves compute_move_sent_values
            get_currency_rate get_extra_print_items get_inbound_types
            get_invoice_localisation_fields_required_to_invoice get_invoice_types
            get_outbound_types get_purchase_types get_sale_types is_entry is_inbound
            is_invoice is_outbound is_purchase_document is_receipt is_sale_document
            open_adjusting_entries open_adjusting_entry_origin_moves
            open_created_caba_entries open_payments open_reconcile_view preview_invoice
        """,
        WRITES: """
            action_activate_currency action_delete_duplicates action_duplicate
            action_switch_move_type action_toggle_block_payment
            action_update_fpos_values button_cancel button_draft button_hash
            button_request_cancel button_set_checked refresh_invoice_currency_rate
            set_moves_checked unlink_snailmail_letters
        """,
        POSTS: "action_post action_validate_moves_with_confirmation",
        MATCHES: "js_assign_outstanding_line js_remove_outstanding_partial",
        MONEY: "payment_action_capture payment_action_void",
    },
    "account.move.line": {
        READS: """
            action_automatic_entry action_open_business_doc
            action_payment_items_register_payment action_register_payment
            get_column_to_exclude_for_colspan_calculation get_parent_section_line
            get_section_subtotal open_reconcile_view
        """,
        WRITES: "action_add_from_catalog",
        MATCHES: "action_unreconcile_match_entries reconcile remove_move_reconcile",
    },
    "account.move.reversal": {WRITES: "modify_moves refund_moves reverse_moves"},
    "account.move.send.batch.wizard": {TALKS: "action_send_and_print"},
    "account.move.send.wizard": {
        TALKS: """
            action_send_and_print cancel_save_template create_mail_template
            open_template_creation_wizard
        """,
    },
    "account.payment": {
        READS: """
            action_open_business_doc action_refund_wizard action_view_refunds
            button_open_bills button_open_invoices button_open_journal_entry
            button_open_statement_lines
        """,
        WRITES: "action_validate button_request_cancel mark_as_sent unmark_as_sent",
        BOOKS: "action_cancel action_draft action_reject",
        MONEY: "action_post",
    },
    "account.payment.method.line": {READS: "action_open_provider_form"},
    "account.payment.register": {
        READS: """
            action_open_missing_account_partners action_open_untrusted_bank_accounts
        """,
        MONEY: "action_create_payments",
    },
    "account.resequence.wizard": {WRITES: "resequence"},
    "account.secure.entries.wizard": {
        READS: "action_show_draft_moves_in_hashed_period action_show_moves",
        WRITES: "action_secure_entries",
    },
    "account.tax": {
        READS: """
            compute_all flatten_taxes_hierarchy get_tax_tags onchange_amount
            onchange_amount_type onchange_price_include validate_tax_group_id
        """,
    },
    # Who has journal items is merged by an administrator alone: Odoo sees to that.
    "base.partner.merge.automatic.wizard": {
        ADMIN: """
            action_merge action_skip action_start_automatic_process
            action_start_manual_process action_update_all_process
            parent_migration_process_cb
        """,
    },
    "ir.actions.actions": {READS: "get_bindings"},
    "ir.actions.report": {
        READS: """
            associated_view barcode get_available_barcode_masks get_paperformat
            get_paperformat_by_xmlid get_valid_action_reports get_wkhtmltopdf_state
            report_action retrieve_attachment
        """,
        ADMIN: "create_action unlink_action",
    },
    # Who may read or write the record that a file belongs to: Odoo asks that.
    "ir.attachment": {
        READS: "action_get check get_serving_groups",
        WRITES: "create_unique generate_access_token register_as_main_attachment",
        ADMIN: "force_storage regenerate_assets_bundles",
    },
    "mail.activity.mixin": {
        TALKS: """
            action_reschedule_my_next_nextweek action_reschedule_my_next_today
            action_reschedule_my_next_tomorrow activity_feedback activity_reschedule
            activity_schedule activity_search activity_send_mail activity_unlink
        """,
    },
    "mail.compose.message": {
        TALKS: """
            action_schedule_message action_send_mail cancel_save_template
            create_mail_template open_template_creation_wizard
        """,
    },
    "mail.thread": {
        TALKS: """
            message_change_thread message_get_followers message_mail_with_source
            message_new message_notify message_parse message_post
            message_post_with_source message_route message_subscribe
            message_unsubscribe message_update notify_cancel_by_type
        """,
        GATEWAY: "message_process",
    },
    "mail.thread.blacklist": {WRITES: "mail_action_blacklist_remove"},
    "mail.thread.phone": {WRITES: "phone_action_blacklist_remove"},
    "payment.capture.wizard": {MONEY: "action_capture"},
    "payment.provider": {
        ADMIN: """
            action_reset_credentials action_start_onboarding
            action_stripe_create_webhook action_stripe_verify_apple_pay_domain
            action_toggle_is_published action_view_payment_methods
            button_immediate_install
        """,
    },
    "payment.refund.wizard": {MONEY: "action_refund"},
    "payment.token": {READS: "get_linked_records_info"},
    "payment.transaction": {
        READS: "action_view_invoices action_view_refunds",
        MONEY: "action_capture action_post_process action_refund action_void",
    },
    "portal.mixin": {READS: "action_share get_portal_url"},
    "portal.wizard": {READS: "action_open_wizard"},
    "portal.wizard.user": {
        WRITES: """
            action_grant_access action_invite_again action_refresh_modal
            action_revoke_access
        """,
    },
    "product.catalog.mixin": {WRITES: "action_add_from_catalog"},
    "product.template": {
        READS: """
            action_open_documents action_open_label_layout get_contextual_price
            get_product_accounts get_single_product_variant has_dynamic_attributes
        """,
    },
    "res.company": {
        READS: """
            action_all_company_branches cache_invalidation_fields
            compute_account_tax_fiscal_country compute_fiscalyear_dates
            get_chart_of_accounts_or_fail get_fiscal_dates get_new_account_code
            get_next_batch_payment_communication get_unaffected_earnings_account
            opening_move_posted setting_init_bank_account_action
            setting_init_credit_card_account_action
        """,
        ADMIN: """
            action_save_onboarding_company_data action_save_onboarding_sale_tax
            iap_enrich_auto install_l10n_modules reflect_code_prefix_change
        """,
    },
    "res.config.settings": {
        READS: """
            action_eu_oss_tax_mapping action_open_template_user action_update_terms
            action_view_active_provider cancel edit_external_header get_config_warning
            get_option_name get_option_path get_values onchange_analytic_accounting
            onchange_module_account_budget open_company open_email_layout
            open_mail_templates open_new_user_default_groups
            redirect_to_buy_autocomplete_credit
        """,
        ADMIN: "execute reload_template set_values",
    },
    "res.currency": {
        READS: """
            amount_to_text compare_amounts format get_all_currencies
            get_company_currency_for_spreadsheet is_zero round
        """,
    },
    "res.partner": {
        READS: """
            action_open_business_doc action_privacy_lookup action_view_partner_invoices
            address_get autocomplete_by_name autocomplete_by_vat can_edit_vat
            enrich_by_domain enrich_by_duns enrich_by_gst get_mention_suggestions
            get_mention_suggestions_from_channel
            get_partner_localisation_fields_required_to_invoice
            iap_partner_autocomplete_get_tag_ids onchange_company_type
            onchange_parent_id open_commercial_entity search_for_channel_invite
        """,
        WRITES: """
            action_signup_prepare create_company find_or_create signup_cancel
            signup_prepare
        """,
        SIGNUP: "signup_get_auth_param",
    },
    "res.users": {
        SELF: """
            action_change_password_wizard action_create_passkey action_get
            action_open_my_account_settings action_reset_password
            action_revoke_all_devices action_setup_outgoing_mail_server
            action_show_accesses action_show_groups action_show_rules
            action_test_outgoing_mail_server action_totp_disable
            action_totp_enable_wizard action_totp_invite api_key_wizard authenticate
            change_password context_get get_company_currency_id get_totp_invite_url
            has_group has_groups on_change_login onchange_parent_id
            preference_change_password preference_save reset_password
            revoke_all_devices send_unregistered_user_reminder signup
            switch_tour_enabled web_create_users
        """,
    },
    "uom.uom": {READS: "action_open_packaging_barcodes compare is_zero round"},
    "validate.account.move": {POSTS: "validate_move"},
}
